"""What a call may ask in its address: every door refuses what it does not know, and the document lists what it does."""

from typing import Any

import pytest

from tests.cast import Stage
from tests.contracts.test_schema import DOCUMENT

LISTS = {
    "agents": set(),
    "campaigns": set(),
    "concurrency-limits": set(),
    "locks": set(),
    "sessions": {"status", "campaign"},
    "schedules": {"status", "campaign"},
    "tasks": {"session", "status", "role", "type", "parent_task"},
    "budgets": {"scope", "scope_id"},
    "transactions": {"task", "session", "status"},
    "reviews": {"status", "kind", "reason", "session", "task", "queue", "search", "brief"},
    "memories": {"category", "session", "task", "agent", "agent_role", "persona"},
}


def documented(path: str) -> set[str]:
    said: dict[str, Any] = DOCUMENT["paths"][f"/api/v1/{path}"]["get"]
    return {each["name"] for each in said.get("parameters", ()) if each["in"] == "query"}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_refuses_what_it_does_not_know_and_names_what_it_does(acme: Stage, path: str) -> None:
    known = {*LISTS[path], "cursor", "limit"}
    assert documented(path) == known
    said = acme.boss.get(path, statuss="failed", limit=3).refused(422, "unknown_parameter")
    assert [error["field"] for error in said["errors"]] == ["statuss"]
    assert said["detail"] == (f"This call knows no `statuss`; the query parameters are: {', '.join(sorted(known))}.")
    acme.boss.get(path, limit=3).ok()


def test_a_sessions_lists_do_too(acme: Stage) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)["id"]
    events = f"sessions/{acme.session()['id']}/events"
    acme.boss.get(f"campaigns/{campaign}/schedules", campaign=campaign).refused(422, "unknown_parameter")
    assert documented("campaigns/{campaign_id}/schedules") == {"status", "cursor", "limit"}
    assert documented("sessions/{session_id}/events") == {"after", "limit"}
    for accept in ("application/json", "text/event-stream"):
        headers = {"Accept": accept, "Authorization": f"Bearer {acme.boss.secret}"}
        said = acme.boss.client.get(f"/api/v1/{events}", {"since": "0-0"}, headers=headers)
        assert (said.status_code, said.json()["code"]) == (422, "unknown_parameter")
        assert said.json()["detail"].endswith("the query parameters are: after, limit.")


def test_what_is_no_list_takes_nothing(acme: Stage) -> None:
    task = acme.task(acme.session())["id"]
    said = acme.boss.get(f"tasks/{task}", fields="status").refused(422, "unknown_parameter")
    assert said["detail"] == "This call knows no `fields`; it takes no query parameters."
    acme.otto.post(f"tasks/{task}/cancel?reason=late").refused(422, "unknown_parameter")
    assert acme.otto.get(f"tasks/{task}").ok()["status"] == "pending"


def test_a_parameter_stands_once(acme: Stage) -> None:
    acme.boss.get("tasks?status=failed&status=pending").refused(422, "repeated_parameter")


def test_who_may_not_call_is_told_that_first(acme: Stage) -> None:
    acme.ada.get("reviews", statuss="pending").refused(403, "role")
    acme.ada.secret = "chm_wrong"
    acme.ada.get("tasks", statuss="failed").refused(401, "unauthenticated")
