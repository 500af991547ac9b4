"""Every door of the API, tried as another tenant: what is others' does not exist. A door without a case fails here."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.urls import URLPattern, get_resolver

from chimera.flows.bulk_tasks import BulkVerb
from chimera.kernel import tenancy
from tests.cast import Caller, Said, Stage
from tests.kernel.world import SCHEDULE, World, tomorrow

API = "api/v1/"
ROLES = {
    "worker": "ada",
    "planner": "pia",
    "judge": "jude",
    "reviewer": "rita",
    "operator": "otto",
    "finance": "fay",
    "auditor": "anna",
    "admin": "boss",
}
MEMORY = {"content": "The gate is shut."}
# What a call to a detail door says, so that nothing else can be the reason of its refusal; {} unless told.
BODIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "PATCH campaigns/<uuid:campaign_id>": lambda w: {"goal": "another"},
    "POST campaigns/<uuid:campaign_id>/schedules": lambda w: SCHEDULE,
    "PATCH schedules/<uuid:schedule_id>": lambda w: {"name": "another"},
    "PATCH sessions/<uuid:session_id>": lambda w: {"name": "another"},
    **{
        f"POST {door}": lambda w: {"reason": "it runs away"}
        for door in (
            "agents/<uuid:agent_id>/kill",
            "sessions/<uuid:session_id>/stop",
            "campaigns/<uuid:campaign_id>/stop",
        )
    },
    "PATCH concurrency-limits/<uuid:limit_id>": lambda w: {"running_max": 1},
    "POST tasks/<uuid:task_id>/heartbeat": lambda w: {"lease_token": w.lease_token},
    "POST tasks/<uuid:task_id>/result": lambda w: {
        "lease_token": w.lease_token,
        "status": "succeeded",
        "output_payload": {},
    },
    "POST transactions/<uuid:transaction_id>/capture": lambda w: {"lease_token": w.lease_token},
    "POST transactions/<uuid:transaction_id>/void": lambda w: {"lease_token": w.lease_token},
    "POST tasks/<uuid:task_id>/actions": lambda w: {"lease_token": w.lease_token, "tool": "publish", "arguments": {}},
    "POST actions/<uuid:action_id>/execution": lambda w: {"lease_token": w.lease_token, "arguments": {}},
    "POST actions/<uuid:action_id>/outcome": lambda w: {"execution_token": "guess", "status": "failed"},
    "PATCH budgets/<uuid:budget_id>": lambda w: {"day_usd": "1"},
    "POST budgets/<uuid:budget_id>/increases": lambda w: {
        "window": "day",
        "amount_usd": "1",
        "reason": "more",
        "expires_at": tomorrow(),
    },
    "PUT budgets/<uuid:budget_id>/rules": lambda w: {"rules": {}},
    "POST budgets/<uuid:budget_id>/rules/preview": lambda w: {"rules": {}},
    "PUT policies/<uuid:policy_id>/rules": lambda w: {"rules": []},
    "POST policies/<uuid:policy_id>/status": lambda w: {"status": "off", "reason": "enough seen"},
    "POST policies/<uuid:policy_id>/preview": lambda w: {"rules": []},
    "PATCH notification-targets/<uuid:target_id>": lambda w: {"name": "another"},
    "POST notification-targets/<uuid:target_id>/status": lambda w: {"status": "paused", "reason": "enough heard"},
    "POST reviews/<uuid:review_id>/decision": lambda w: {"decision": "approve"},
    "POST memories/<uuid:memory_id>/supersede": lambda w: MEMORY,
    "POST memories/<uuid:memory_id>/forget": lambda w: {"reason": "wrong"},
    "POST personas/<slug:persona_id>/retire": lambda w: {"reason": "wrong"},
    "POST personas/<slug:persona_id>/context": lambda w: {"task": w.ids["task_id"], "lease_token": w.lease_token},
}
# What people say where agents say something else.
PEOPLES_BODIES = {"POST transactions/<uuid:transaction_id>/void": {"reason": "wrong"}}
# Lists that name what they are about only when they are asked to.
ASKED = {"statements": {"group": "campaign,agent"}}
# Bodies that name what is others', for doors that make or do something; each must be refused. None: nothing can be named.
NAMING: dict[str, list[Callable[[World], dict[str, Any]]] | None] = {
    "agents": None,
    "campaigns": None,
    "sessions": [lambda w: {"campaign": w.ids["campaign_id"]}],
    "tasks": [
        lambda w: _task(w.ids["session_id"]),
    ],
    "tasks/batch": [lambda w: {"tasks": [_task(w.ids["session_id"])]}],
    **{
        f"tasks/{verb}": [
            lambda w: _matching(session=w.ids["session_id"]),
            lambda w: _matching(campaign=w.ids["campaign_id"]),
        ]
        for verb in BulkVerb
    },
    "claims": None,
    "claims/results": None,  # each on its own; see below
    "transactions": [
        lambda w: {"task": w.ids["task_id"], "lease_token": w.lease_token, "amount_usd": "1", "asset_symbol": "USD"}
    ],
    "reviews/next": None,  # a session of theirs has no card; see tests/safety/test_queue.py
    "reviews/batch": None,  # each on its own; see there
    "concurrency-limits": None,
    "policies": None,
    "notification-targets": None,
    "reviews/decisions": None,  # a key of theirs is another question; see tests/safety/test_early_decisions.py
    "locks": None,  # a name of theirs is another resource; see tests/swarm/test_locks.py
    "locks/renew": None,
    "locks/release": None,
    **{  # of the caller's own tenant, or of everything
        f"{scope}/{verb}": None for scope in ("tenant", "everything") for verb in ("pause", "stop", "resume")
    },
    "budgets": [
        lambda w, scope=scope: {"scope": scope, "scope_id": w.ids[f"{scope}_id"], "day_usd": "1"}  # type: ignore[misc]
        for scope in ("campaign", "session", "agent", "task")
    ],
    "memories": [lambda w: MEMORY | {"session": w.ids["session_id"]}, lambda w: MEMORY | {"task": w.ids["task_id"]}],
    "memories/batch": None,  # each on its own; see tests/memory/test_batch.py
    "memories/policy": None,  # one for each tenant
    "personas": None,  # an id of theirs is another persona; see tests/memory/personas/test_personas.py
    "memories/policy/preview": None,
    "memories/erasures": [
        lambda w: {"scope": "session", "whose": w.ids["session_id"], "reason": "wrong"},
        lambda w: {"scope": "agent", "whose": w.ids["agent_id"], "reason": "wrong"},
    ],
    "memories/search": [
        lambda w: {"query": "tide", "task": w.ids["task_id"], "lease_token": w.lease_token},
        lambda w: {"query": "tide", "session": w.ids["session_id"]},
    ],
}


def _task(session: str, **more: Any) -> dict[str, Any]:
    return {"session": session, "type": "research", "input_payload": {}} | more


def _matching(**chosen: str) -> dict[str, Any]:
    return {"filter": chosen, "reason": "wrong"}


def _routes() -> Iterator[tuple[str, str, frozenset[Any]]]:
    for part in get_resolver().url_patterns:
        if str(part.pattern) == API:
            for entry in part.url_patterns:
                assert isinstance(entry, URLPattern)
                for method, roles in entry.callback.cls.allow.items():  # type: ignore[attr-defined]
                    yield method, str(entry.pattern), roles


DOORS = list(_routes())
OWN = {"actions"}  # agents read what they proposed
DETAILS = [door for door in DOORS if "<" in door[1]]
NAMES_NOTHING = {"memories/policy", "reviews/counts"}  # settings and sums
LISTS = [door for door in DOORS if "<" not in door[1] and door[0] == "GET" and door[1] not in NAMES_NOTHING]
MAKERS = [door for door in DOORS if "<" not in door[1] and door[0] != "GET"]


def callers(stage: Stage, roles: frozenset[Any]) -> list[Caller]:
    """One agent and one person who may call it."""
    names = [name for role, name in ROLES.items() if role in roles]
    kinds = {getattr(stage, name).secret[:4]: getattr(stage, name) for name in names}
    return list(kinds.values())


def readers(stage: Stage, route: str, roles: frozenset[Any]) -> list[Caller]:
    """The same; an agent that reads its own alone is the one whose things the world has."""
    if route.split("/")[0] not in OWN:
        return callers(stage, roles)
    return [caller if caller.secret.startswith("chp_") else stage.ada for caller in callers(stage, roles)]


def call(caller: Caller, method: str, route: str, world: World) -> Said:
    path = route
    for name, value in world.ids.items():
        path = re.sub(f"<(uuid|slug):{name}>", value, path)
    path = path.replace("<slug:number>", "1")  # of a version
    assert "<" not in path, f"{route} has a place that this test cannot fill"
    door = f"{method} {route}"
    is_person = caller.secret.startswith("chp_")
    body = PEOPLES_BODIES[door] if is_person and door in PEOPLES_BODIES else BODIES.get(door, lambda w: {})(world)
    match method:
        case "GET":
            return caller.get(path)
        case "PATCH":
            return caller.patch(path, body)
        case "PUT":
            return caller.put(path, body)
        case _:
            return caller.post(path, body)


def told(tenant: Stage) -> int:
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kernel_event WHERE tenant_id = %s", [tenant.tenant_id])
        return int(cursor.fetchone()[0])


def test_the_walk_finds_the_doors() -> None:
    assert len(DETAILS) > 30
    assert len(LISTS) > 7
    assert {route for _, route, _ in MAKERS} == set(NAMING), "each door that makes something says what it could name"


def test_details_of_others_do_not_exist(acme: Stage, zenith: Stage, world: World) -> None:
    before = told(acme)
    for method, route, roles in DETAILS:
        for caller in callers(zenith, roles):
            said = call(caller, method, route, world)
            assert (said.status, said.body.get("code")) == (404, "not_found"), (
                f"{method} {route} as {caller.name}: {said}"
            )
    assert told(acme) == before


def test_the_same_details_exist_for_their_own_tenant(acme: Stage, world: World) -> None:
    """Otherwise the test above would see nothing: each address is right, and only the tenant was wrong."""
    for method, route, roles in DETAILS:
        if method == "GET":
            for caller in readers(acme, route, roles):
                assert call(caller, method, route, world).status == 200, f"{route} as {caller.name}"


def test_lists_leave_out_what_is_others(acme: Stage, zenith: Stage, world: World) -> None:
    with acme.bound(), connection.cursor() as cursor:
        cursor.execute("SELECT id::text FROM swarm_task UNION SELECT id::text FROM safety_reviewcard")
        theirs = {row[0] for row in cursor.fetchall()} | set(world.ids.values())
    for _, route, roles in LISTS:
        asked = ASKED.get(route, {})
        for mine, others in zip(readers(acme, route, roles), readers(zenith, route, roles), strict=True):
            assert any(found in str(mine.get(route, **asked).ok().body) for found in theirs), (
                f"{route} shows nothing at all"
            )
            shown = str(others.get(route, **asked).ok().body)
            assert not [found for found in theirs if found in shown], route


@pytest.mark.parametrize("route", ["tasks", "transactions", "reviews", "memories", "sessions"])
def test_a_filter_that_names_others_finds_nothing(zenith: Stage, world: World, route: str) -> None:
    named = {name: world.ids[f"{name}_id"] for name in ("session", "task", "campaign")}
    for name, value in named.items():
        said = zenith.boss.get(route, **{name: value})
        assert said.status in (200, 422), said
        assert said.status == 422 or said["results"] == []


def test_nothing_is_made_that_belongs_to_others(acme: Stage, zenith: Stage, world: World) -> None:
    before = told(acme), told(zenith)
    for _, route, roles in MAKERS:
        for body in NAMING[route] or []:
            for caller in callers(zenith, roles):
                said = caller.post(route, body(world))
                assert _is_refused_or_empty(said), f"{route} as {caller.name}: {said}"
    assert (told(acme), told(zenith)) == before


def _is_refused_or_empty(said: Said) -> bool:
    refused = said.status in (404, 422) and said.body["code"] in {
        "not_found",
        "unknown_scope",
        "unknown_task",
        "invalid",
    }
    return refused or (said.status == 200 and (said.body.get("results") == [] or said.body.get("matched") == 0))


def test_tasks_of_others_are_no_parents_and_nothing_waits_for_them(zenith: Stage, world: World) -> None:
    session = zenith.session()
    for named in ({"parent_task": world.ids["task_id"]}, {"depends_on": [world.ids["task_id"]]}):
        zenith.pia.post("tasks", _task(session["id"], **named)).refused(422, "unknown_task")


def test_results_for_others_are_refused_one_by_one(acme: Stage, zenith: Stage, world: World) -> None:
    result = {
        "task": world.ids["task_id"],
        "lease_token": world.lease_token,
        "status": "succeeded",
        "output_payload": {},
    }
    (outcome,) = zenith.ada.post("claims/results", {"results": [result]}).ok()["outcomes"]
    assert outcome["error"]["code"] == "not_found"
    assert acme.ada.get(f"tasks/{world.ids['task_id']}").ok()["status"] == "running"


def test_the_live_feed_of_others_does_not_exist(zenith: Stage, world: World) -> None:
    path = f"/api/v1/sessions/{world.ids['session_id']}/events"
    headers = {"Authorization": f"Bearer {zenith.boss.secret}", "Accept": "text/event-stream"}
    said = zenith.boss.client.get(path, headers=headers)
    assert (said.status_code, said.json()["code"]) == (404, "not_found")


def test_the_same_external_id_is_free_for_another_tenant(zenith: Stage, world: World) -> None:
    zenith.task(zenith.session(), external_id="harbour-1")


def test_an_idempotency_key_of_others_is_free(zenith: Stage, world: World) -> None:
    body = {"name": "mine", "goal": "none"}
    mine = zenith.otto.post("campaigns", body, Idempotency_Key="one").ok(201)
    assert mine["name"] == "mine"
