"""The OpenAPI document is what the API does: schemathesis finds no 500 and no undocumented answer."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chimera.wsgi import application
from tests.cast import Stage

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES_MAX = 12  # per call; 60 calls in some seconds
AGENTS_ONLY = ("/claims", "/heartbeat", "/result", "/capture", "/void")


DOCUMENT: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = application
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]


def test_the_document_is_openapi_3_1_and_names_every_call_once() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    names = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    assert len(names) > 50


def _secret(acme: Stage, path: str, method: str) -> str:
    agents = (
        path.endswith(AGENTS_ONLY)
        or path == "/api/v1/claims/results"
        or (path == "/api/v1/transactions" and method == "POST")
    )
    return acme.ada.secret if agents else acme.boss.secret


@pytest.fixture
def real(acme: Stage, settle: Callable[[], None]) -> dict[str, str]:
    """A tenant in which there is something to find: ids by the name that paths and bodies call them."""
    campaign = acme.otto.post("campaigns", {"name": "harbour", "goal": "open it"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    budget = acme.budget(day_usd="10", approval_threshold_usd="1")
    acme.task(session)
    manual = acme.task(session, execution_mode="manual")
    (review,) = acme.rita.get("reviews", task=manual["id"]).ok()["results"]
    template = {"type": "report", "input_payload": {}}
    schedule = {"name": "nightly", "cron": "0 3 * * *", "overlap": "queue", "task": template}
    scheduled = acme.otto.post(f"campaigns/{campaign['id']}/schedules", schedule).ok(201)
    settle()
    (claim,) = acme.ada.claim()
    hold = acme.ada.spend(claim, "0.50").ok(201)
    memory = acme.ada.post("memories", {"content": "The ferry leaves at nine."}).ok(201)
    return {
        "campaign_id": campaign["id"],
        "schedule_id": scheduled["id"],
        "session_id": session["id"],
        "session": session["id"],
        "task_id": claim["task"]["id"],
        "task": claim["task"]["id"],
        "lease_token": claim["lease_token"],
        "agent_id": acme.ada.id,
        "review_id": review["id"],
        "budget_id": budget["id"],
        "transaction_id": hold["id"],
        "memory_id": memory["id"],
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method.upper()} {o.path}")
def test_what_the_document_says_is_what_comes(acme: Stage, real: dict[str, str], operation: Any) -> None:
    headers = {"Authorization": f"Bearer {_secret(acme, operation.path, operation.method.upper())}"}
    turns = itertools.count()

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        # Two of three calls are about things that exist; the rest keep what was made up.
        for values in (case.path_parameters, case.body):
            if isinstance(values, dict) and next(turns) % 3:
                values.update({name: real[name] for name in values if name in real})
        if isinstance(case.body, dict):
            case.body.pop("wait_seconds", None)  # an empty queue would be waited for
        case.call_and_validate(headers=headers, checks=CHECKS)

    call()
