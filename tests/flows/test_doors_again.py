"""What doors promise besides the way of one task: repeats, endings, names, lists, and who is let in."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.flows.show_reviews import show_reviews
from chimera.kernel import clock, redis
from chimera.kernel.actors import SYSTEM
from chimera.kernel.errors import StaleLease
from chimera.kernel.idempotency import Once
from safety.models import ReviewCard
from swarm import dispatch
from swarm.actions import claims, tasks, tenants
from swarm.models import Campaign, SwarmSession, Task
from tests.cast import Caller, Stage
from tests.live.test_socket import closed_with, of, socket
from tests.live.watching import run

Settle = Callable[[], None]
NEW = {"type": "research", "input_payload": {}}


def claimed(acme: Stage, settle: Settle, **task: Any) -> dict[str, Any]:
    acme.task(acme.session(), **task)
    settle()
    (claim,) = acme.ada.claim()
    return claim


def beat(agent: Caller, claim: dict[str, Any], more: Any = None, **headers: str) -> Any:
    body = {"lease_token": claim["lease_token"]} | (more or {})
    return agent.post(f"tasks/{claim['task']['id']}/heartbeat", body, **headers)


# ------------------------------------------------------------------ campaigns


def test_a_campaign_completes_only_when_its_sessions_have_ended(acme: Stage) -> None:
    campaign = acme.otto.post("campaigns", {"name": "harbour", "goal": "open it"}).ok(201)
    one, two = (acme.session(campaign=campaign["id"]) for _ in range(2))
    said = acme.otto.post(f"campaigns/{campaign['id']}/complete").refused(409, "sessions_open")
    assert "2 sessions" in said["detail"]
    acme.pia.post(f"sessions/{one['id']}/complete").ok()
    said = acme.otto.post(f"campaigns/{campaign['id']}/complete").refused(409, "sessions_open")
    assert "1 session is" in said["detail"]
    acme.otto.post(f"sessions/{two['id']}/stop", {"reason": "over"}).ok()
    assert acme.otto.post(f"campaigns/{campaign['id']}/complete").ok()["status"] == "completed"


@pytest.mark.parametrize("status", ["completed", "stopped"])
def test_a_campaign_that_is_over_takes_no_new_tasks(acme: Stage, status: str) -> None:
    campaign = acme.otto.post("campaigns", {"name": "harbour", "goal": "open it"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    with acme.bound():
        Campaign.objects.filter(pk=campaign["id"]).update(status=status)
    acme.pia.post("tasks", {"session": session["id"], **NEW}).refused(409, f"campaign_{status}")
    with acme.bound():
        assert (Task.objects.count(), SwarmSession.objects.get().status) == (0, "created")


# ------------------------------------------------------------------ repeats


def test_a_repeated_heartbeat_gets_the_first_answer_and_notes_nothing(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    first = beat(acme.ada, claim, {"progress": {"phase": "reading"}}, Idempotency_Key="h").ok()
    beat(acme.ada, claim, {"progress": {"phase": "writing"}}).ok()
    again = beat(acme.ada, claim, {"progress": {"phase": "reading"}}, Idempotency_Key="h").ok()
    assert (again.body, again.headers["Idempotent-Replayed"]) == (first.body, "true")
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["progress"]["phase"] == "writing"


def test_a_repeat_that_waited_for_the_first_call_does_nothing_either(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claimed(acme, settle)
    beat(acme.ada, claim, {"progress": {"phase": "reading"}}, Idempotency_Key="h").ok()
    beat(acme.ada, claim, {"progress": {"phase": "writing"}}).ok()
    looks, seen = iter((True, False)), Once.seen
    monkeypatch.setattr(
        Once, "seen", lambda once: None if next(looks) else seen(once)
    )  # not there yet at the first look
    again = beat(acme.ada, claim, {"progress": {"phase": "reading"}}, Idempotency_Key="h").ok()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["progress"]["phase"] == "writing"


def test_a_repeated_claim_pops_nothing(acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    session = acme.session()
    acme.task(session), acme.task(session)
    settle()
    first = acme.ada.post("claims", {}, Idempotency_Key="c").ok()
    with monkeypatch.context() as patched:
        patched.setattr(dispatch, "pop", lambda **asked: pytest.fail("popped"))
        assert acme.ada.post("claims", {}, Idempotency_Key="c").ok().body == first.body
    assert len(acme.ada.claim()) == 1


def test_a_repeated_kill_takes_nothing_from_an_agent_that_was_let_in_again(acme: Stage, settle: Settle) -> None:
    path = f"agents/{acme.ada.id}"
    acme.otto.post(f"{path}/kill", {"reason": "over"}, Idempotency_Key="k").ok()
    acme.otto.post(f"{path}/resume").ok()
    acme.ada.secret = acme.otto.post(f"{path}/keys").ok(201)["key"]
    claim = claimed(acme, settle)
    acme.otto.post(f"{path}/kill", {"reason": "over"}, Idempotency_Key="k").ok()
    beat(acme.ada, claim).ok()


def test_a_key_that_was_used_for_another_body_is_refused_before_anything_is_popped(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(acme, settle)
    acme.task(acme.session())
    settle()
    acme.ada.post("claims", {}, Idempotency_Key="c").ok()
    monkeypatch.setattr(dispatch, "pop", lambda **asked: pytest.fail("popped"))
    acme.ada.post("claims", {"max": 2}, Idempotency_Key="c").refused(422, "idempotency_key_reused")


def test_many_results_may_carry_a_key_and_are_repeatable_without_it(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    item = {"task": claim["task"]["id"], "lease_token": claim["lease_token"], "status": "succeeded"}
    body = {"results": [item | {"output_payload": {}, "confidence_score": 0.99}]}
    first = acme.ada.post("claims/results", body, Idempotency_Key="r").ok()
    assert first["outcomes"][0]["status"] == "completed"
    assert acme.ada.post("claims/results", body, Idempotency_Key="r").ok().body == first.body
    described = acme.ada.get("/api/schema/", format="json").ok()["paths"]["/api/v1/claims/results"]["post"]
    assert "Idempotency-Key" in described["description"]


# ------------------------------------------------------------------ heartbeats


@pytest.mark.parametrize("cost", [None, "0", "0.000000"])
def test_a_heartbeat_that_costs_nothing_passes(acme: Stage, settle: Settle, cost: str | None) -> None:
    beat(acme.ada, claimed(acme, settle), {"cost_usd": cost}).ok()


@pytest.mark.parametrize(
    ("cost", "code"),
    [("much", "invalid_money"), ("NaN", "invalid_money"), (0.04, "invalid_money")],
)
def test_a_cost_that_nobody_could_count_is_refused(acme: Stage, settle: Settle, cost: Any, code: str) -> None:
    beat(acme.ada, claimed(acme, settle), {"cost_usd": cost, "progress": {"phase": "x"}}).refused(422, code)


def test_a_heartbeat_tells_how_much_its_agent_holds(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session), acme.task(session)
    settle()
    claim, _ = acme.ada.claim(2)
    beat(acme.ada, claim).ok()
    raw: Any = redis.client().get(redis.heartbeat(acme.ada.id))  # type: ignore[arg-type]
    heard = json.loads(raw)
    assert (heard["tasks"], heard["slots"]) == (2, 8)


def test_a_lease_that_ends_while_it_is_renewed_is_stale(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    with acme.bound(), clock.held(clock.now() + timedelta(seconds=settings.LEASE.total_seconds() * 0.6)):
        seen = tasks.read(claim["task"]["id"])
        tasks.requeue(task=tasks.lock(seen.pk), code="lease_lapsed", message="gone", by=SYSTEM)
        with pytest.raises(StaleLease):
            claims.renew(task=seen)


# ------------------------------------------------------------------ sessions


def test_a_new_name_is_told_and_makes_no_result_stale(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session)
    settle()
    (claim,) = acme.ada.claim()
    assert acme.pia.patch(f"sessions/{session['id']}", {"name": "second week"}).ok()["name"] == "second week"
    acme.pia.patch(f"sessions/{session['id']}", {"name": "second week"}).ok()
    settle()
    told = acme.pia.get(f"sessions/{session['id']}/events").ok()["results"]
    (changed,) = [e["payload"] for e in told if e["type"] == "swarm.session.changed.v1"]
    assert (changed["reason"], changed["state_version"], changed["aggregate_version"]) == ("name", 1, 3)
    with acme.bound():
        assert SwarmSession.objects.get().version == 3
    assert acme.ada.finish(claim).ok()["outcome"] == "completed"


def test_a_name_and_a_context_that_change_together_are_told_once(acme: Stage) -> None:
    session = acme.session()
    change = {"name": "second week", "context": {"tide": "high"}}
    assert acme.pia.patch(f"sessions/{session['id']}", change).ok()["state_version"] == 2
    told = acme.pia.get(f"sessions/{session['id']}/events").ok()["results"]
    assert [e["payload"]["reason"] for e in told if e["type"] == "swarm.session.changed.v1"] == ["context, name"]


def test_a_member_without_a_role_is_shown_neither_door_nor_socket(acme: Stage) -> None:
    session = acme.session()
    with acme.bound():
        user = get_user_model().objects.create_user("nobody@acme")
        tenants.add_member(user=user, roles=set())
        nobody = Caller(tenants.issue_token(user=user, name="test")[1])
    nobody.get(f"sessions/{session['id']}").refused(403, "role")

    async def main() -> None:
        assert await closed_with(socket(of(session), secret=nobody.secret)) == 4403

    run(main)


# ------------------------------------------------------------------ lists


def test_a_list_shows_the_progress_of_what_runs(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    for _ in range(3):
        acme.task(session)
    settle()
    one, two = acme.ada.claim(2)
    beat(acme.ada, one, {"progress": {"phase": "reading", "percentage": 40}}).ok()
    beat(acme.ada, two, {"progress": {"phase": "writing"}}).ok()
    listed = {t["id"]: t["progress"] for t in acme.pia.get("tasks", session=session["id"]).ok()["results"]}
    assert (listed[one["task"]["id"]]["phase"], listed[one["task"]["id"]]["percentage"]) == ("reading", 40)
    assert listed[two["task"]["id"]]["phase"] == "writing"
    assert sum(progress is None for progress in listed.values()) == 1


def test_a_list_of_one_is_like_any_other_list(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    beat(acme.ada, claim, {"progress": {"phase": "reading"}}).ok()
    acme.ada.finish(claim).ok()
    settle()
    (listed,) = acme.pia.get("tasks").ok()["results"]
    assert listed["progress"] is None
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["progress"]["phase"] == "reading"


def test_a_list_leaves_out_what_artifacts_contain(acme: Stage, settle: Settle) -> None:
    claim = claimed(acme, settle)
    artifacts = [{"type": "table", "content": {"rows": "ä" * 1000}}, {"type": "video", "uri": "s3://renders/1.mp4"}]
    acme.ada.finish(claim, artifacts=artifacts).ok()
    (listed,) = acme.pia.get("tasks").ok()["results"]
    table, video = listed["results"][0]["artifacts"]
    assert table == {"type": "table", "bytes": 2012}
    assert video == artifacts[1]
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["results"][0]["artifacts"] == artifacts


def test_a_review_loads_no_other_result_of_its_task(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session())
    for note in ("again", "once more"):
        settle()
        (claim,) = acme.ada.claim()
        review = acme.ada.finish(claim, 0.8, output={"note": note}).ok()["review"]
        if note == "again":
            acme.rita.post(f"reviews/{review}/claim").ok()
            decision = {"decision": "request_changes", "note": note}
            acme.rita.post(f"reviews/{review}/decision", decision).ok()
    with acme.bound(), CaptureQueriesContext(connection) as asked:
        (shown,) = show_reviews([ReviewCard.objects.get(pk=review)])
    assert shown["result"]["output_payload"] == {"note": "once more"}
    (read,) = [q["sql"] for q in asked if 'FROM "swarm_taskresult"' in q["sql"]]
    assert shown["result"]["id"].hex in read
    assert task["id"].replace("-", "") in read
