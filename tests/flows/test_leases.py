"""Claims, leases, slots, and what happens when they end."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings

from chimera.flows.cancel_task import cancel_orphans
from chimera.flows.lapse_leases import cancel_overdue, lapse_leases
from chimera.kernel import clock, redis
from swarm import dispatch
from swarm.models import AgentKey, SwarmSession
from tests.cast import Stage

Settle = Callable[[], None]


def later(seconds: float) -> object:
    return clock.held(clock.now() + timedelta(seconds=seconds))


def test_an_agent_holds_no_more_than_its_slots(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    for _ in range(4):
        acme.task(session)
    settle()
    assert len(acme.bob.claim(10)) == 1
    assert acme.bob.claim(10) == []
    assert len(acme.ada.claim(10)) == 3


def test_high_priority_is_claimed_first(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    low, high, normal = (acme.task(session, priority=p)["id"] for p in (10, 90, 50))
    settle()
    assert [c["task"]["id"] for c in acme.ada.claim(3)] == [high, normal, low]


def test_roles_claim_their_own_kind_of_task(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    plan = acme.task(session, role="planner")
    settle()
    assert acme.ada.claim() == []
    assert [c["task"]["id"] for c in acme.pia.claim()] == [plan["id"]]
    acme.ada.post("claims", {"roles": ["judge"]}).refused(403, "role")


def test_a_worker_creates_nothing_and_a_person_claims_nothing(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    body = {"session": session["id"], "type": "x", "input_payload": {}}
    acme.ada.post("tasks", body).refused(403, "role")
    acme.jude.post("tasks", body).refused(403, "role")
    acme.ada.post("sessions", {}).refused(403, "role")
    acme.otto.post("claims", {}).refused(403, "role")
    acme.otto.post("tasks", body).ok(201)


def test_required_capabilities_are_honoured(acme: Stage, settle: Settle) -> None:
    painter = acme.otto.post("agents", {"name": "painter", "role": "worker", "capabilities": ["paint", "draw"]}).ok(201)
    task = acme.task(acme.session(), requires=["paint"])
    settle()
    assert acme.ada.claim() == []
    acme.ada.secret, ada = painter["key"], acme.ada.secret
    assert [c["task"]["id"] for c in acme.ada.claim()] == [task["id"]]
    acme.ada.secret = ada


def test_a_lapsed_agent_cannot_beat_spend_or_finish_and_its_task_runs_elsewhere(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="10")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    hold = acme.ada.spend(claim, "4").ok(201)
    with later(settings.LEASE.total_seconds() + 1):
        acme.ada.finish(claim).refused(409, "stale_lease")  # even before the sweep has come by
        assert lapse_leases() == 1
        settle()
        assert acme.fay.get(f"transactions/{hold['id']}").ok()["status"] == "voided"
        acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).refused(
            409, "stale_lease"
        )
        acme.ada.spend(claim, "1").refused(409, "stale_lease")
        acme.ada.post(f"transactions/{hold['id']}/capture", {"lease_token": claim["lease_token"]}).refused(
            409, "stale_lease"
        )
        (again,) = acme.bob.claim()
        assert again["attempt"] == 2
        acme.ada.finish(claim).refused(409, "stale_lease")
        assert acme.bob.finish(again).ok()["outcome"] == "completed"


def test_a_task_whose_leases_keep_lapsing_ends_in_the_dead_letters(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session(), max_attempts=1)
    settle()
    acme.ada.claim()
    with later(settings.LEASE.total_seconds() + 1):
        lapse_leases()
    dead = acme.pia.get(f"tasks/{task['id']}").ok()
    assert (dead["status"], dead["error"]["code"]) == ("failed", "lease_lapsed")


def test_a_heartbeat_renews_only_below_half(acme: Stage, settle: Settle) -> None:
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    path, body = f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}
    assert acme.ada.post(path, body).ok()["lease_expires_at"] == claim["lease_expires_at"]
    with later(settings.LEASE.total_seconds() * 0.6):
        assert acme.ada.post(path, body).ok()["lease_expires_at"] > claim["lease_expires_at"]


def test_a_timeout_ends_a_lease_however_often_it_beats(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session(), timeout_seconds=10, max_attempts=1)
    settle()
    (claim,) = acme.ada.claim()
    with later(9):
        acme.ada.post(f"tasks/{task['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()
    with later(11):
        assert lapse_leases() == 1
    assert acme.pia.get(f"tasks/{task['id']}").ok()["error"]["code"] == "timeout"


def test_a_deadline_cancels_what_nobody_took(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session(), deadline_at=(clock.now() + timedelta(seconds=30)).isoformat())
    settle()
    with later(31):
        assert acme.ada.claim() == []
        assert cancel_overdue() == 1
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "cancelled"


def test_not_before_is_kept(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session(), not_before=(clock.now() + timedelta(seconds=30)).isoformat())
    settle()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "pending"
    with later(31):
        dispatch.queue_due()
        assert [c["task"]["id"] for c in acme.ada.claim()] == [task["id"]]


def test_a_diamond_completes_in_order(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    top = acme.task(session)["id"]
    left, right = (acme.task(session, depends_on=[top])["id"] for _ in range(2))
    bottom = acme.task(session, depends_on=[left, right])["id"]
    order: list[str] = []
    for _ in range(3):
        settle()
        for claim in acme.ada.claim(4):
            order.append(claim["task"]["id"])
            acme.ada.finish(claim).ok()
    assert order[0] == top
    assert set(order[1:3]) == {left, right}
    assert order[3] == bottom


def test_cancel_takes_along_what_is_below(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    parent = acme.task(session)["id"]
    child = acme.task(session, parent_task=parent)["id"]
    waiting = acme.task(session, depends_on=[child])["id"]
    other = acme.task(session)["id"]
    acme.otto.post(f"tasks/{parent}/cancel", {"reason": "enough"}).ok()
    settle()
    statuses = {t["id"]: t["status"] for t in acme.pia.get("tasks", session=session["id"]).ok()["results"]}
    assert {statuses[i] for i in (parent, child, waiting)} == {"cancelled"}
    assert statuses[other] == "queued"


def test_stop_cancels_open_tasks_and_refuses_late_results(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session), acme.task(session)
    settle()
    (claim,) = acme.ada.claim()
    stopped = acme.otto.post(f"sessions/{session['id']}/stop", {"reason": "wrong brief"}).ok()
    assert (stopped["status"], stopped["state_version"]) == ("stopped", 2)
    assert {t["status"] for t in acme.pia.get("tasks", session=session["id"]).ok()["results"]} == {"cancelled"}
    acme.ada.finish(claim).refused(409, "stale_lease")
    acme.pia.post("tasks", {"session": session["id"], "type": "x", "input_payload": {}}).refused(409, "session_ended")


def test_what_slips_through_a_stop_is_swept(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    task = acme.task(session)
    settle()
    with acme.bound():
        SwarmSession.objects.filter(pk=session["id"]).update(status="stopped")
    assert cancel_orphans() == 1
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "cancelled"


def test_a_paused_session_hands_out_nothing_until_it_is_resumed(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    task = acme.task(session)
    settle()
    acme.otto.post(f"sessions/{session['id']}/pause").ok()
    assert acme.ada.claim() == []
    acme.otto.post(f"sessions/{session['id']}/resume").ok()
    settle()
    assert [c["task"]["id"] for c in acme.ada.claim()] == [task["id"]]


def test_a_campaign_begins_pauses_and_stops_with_its_sessions(acme: Stage, settle: Settle) -> None:
    campaign = acme.otto.post("campaigns", {"name": "harbour", "goal": "open it"}).ok(201)
    assert campaign["status"] == "planning"
    session = acme.session(campaign=campaign["id"])
    assert acme.otto.get(f"campaigns/{campaign['id']}").ok()["status"] == "active"
    acme.task(session)
    settle()
    acme.otto.post(f"campaigns/{campaign['id']}/pause").ok()
    assert acme.ada.claim() == []
    acme.pia.post("sessions", {"campaign": campaign["id"]}).refused(409, "campaign_paused")
    acme.otto.post(f"campaigns/{campaign['id']}/resume").ok()
    settle()
    (claim,) = acme.ada.claim()
    acme.otto.patch(f"campaigns/{campaign['id']}", {"goal": "open it in May"}).ok()
    assert acme.ada.finish(claim).ok()["outcome"] == "stale"
    acme.otto.post(f"campaigns/{campaign['id']}/stop", {"reason": "over"}).ok()
    assert acme.pia.get(f"sessions/{session['id']}").ok()["status"] == "stopped"
    settle()
    assert {t["status"] for t in acme.pia.get("tasks", session=session["id"]).ok()["results"]} == {"cancelled"}


def test_a_session_completes_when_its_tasks_have(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session)
    acme.pia.post(f"sessions/{session['id']}/complete").refused(409, "tasks_open")
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim).ok()
    assert acme.pia.post(f"sessions/{session['id']}/complete").ok()["status"] == "completed"
    acme.otto.post(f"sessions/{session['id']}/pause").refused(409, "session_completed")


def test_a_paused_agent_claims_nothing_and_a_killed_one_loses_its_leases(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session), acme.task(session)
    settle()
    (claim,) = acme.ada.claim()
    acme.otto.post(f"agents/{acme.ada.id}/pause").ok()
    assert acme.ada.claim() == []
    assert acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()[
        "commands"
    ] == ["pause"]
    acme.otto.post(f"agents/{acme.ada.id}/kill", {"reason": "runaway"}).ok()
    acme.ada.finish(claim).refused(401, "unauthenticated")
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["status"] == "queued"
    acme.otto.post(f"agents/{acme.ada.id}/resume").ok()
    fresh = acme.otto.post(f"agents/{acme.ada.id}/keys").ok(201)["key"]
    acme.ada.secret = fresh
    assert len(acme.ada.claim()) == 1


def test_a_rotated_key_overlaps_with_the_new_one(acme: Stage) -> None:
    fresh = acme.otto.post(f"agents/{acme.bob.id}/keys").ok(201)["key"]
    acme.bob.get("sessions").ok()
    old, acme.bob.secret = acme.bob.secret, fresh
    acme.bob.get("sessions").ok()
    assert old != fresh


def test_without_redis_claims_go_through_postgresql(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = acme.task(acme.session())
    settle()
    redis.client().flushall()

    def away(*args: object, **kwargs: object) -> None:
        raise redis.FAULTS[0]("away")

    with monkeypatch.context() as patched:
        patched.setattr(redis.Client, "execute_command", away)
        assert [c["task"]["id"] for c in acme.ada.claim()] == [task["id"]]


def test_a_flushed_redis_is_restocked(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session())
    settle()
    redis.client().flushall()
    assert acme.ada.claim() == []
    dispatch.restock()
    assert [c["task"]["id"] for c in acme.ada.claim()] == [task["id"]]


def test_progress_is_shown_at_once_and_kept_on_completion(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    body = {
        "lease_token": claim["lease_token"],
        "progress": {"phase": "reading", "percentage": 40, "message": "page 4"},
    }
    acme.ada.post(f"tasks/{task['id']}/heartbeat", body).ok()
    shown = acme.pia.get(f"tasks/{task['id']}").ok()["progress"]
    assert (shown["phase"], shown["percentage"], shown["message"]) == ("reading", 40, "page 4")
    acme.ada.finish(claim).ok()
    settle()
    redis.client().flushall()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["progress"]["phase"] == "reading"


def test_a_claim_may_name_the_types_that_it_wants(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session, type="paint")
    draft = acme.task(session, type="draft")
    settle()
    assert [c["task"]["id"] for c in acme.ada.claim(5, types=["draft"])] == [draft["id"]]
    assert acme.ada.claim(5, types=["draft"]) == []
    assert redis.client().llen(redis.queue("normal", acme.tenant_id, "worker")) == 1


def test_an_empty_claim_is_not_kept_for_its_key(acme: Stage, settle: Settle) -> None:
    assert acme.ada.post("claims", {}, Idempotency_Key="k").ok()["claims"] == []
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.post("claims", {}, Idempotency_Key="k").ok()["claims"]
    (again,) = acme.ada.post("claims", {}, Idempotency_Key="k").ok()["claims"]
    assert again["lease_token"] == claim["lease_token"]


def test_a_keys_last_use_is_known(acme: Stage) -> None:
    acme.bob.get("sessions").ok()
    with acme.bound():
        keys = {key.agent.name: key.last_used_at for key in AgentKey.objects.select_related("agent")}
    assert keys["bob"] is not None
    assert keys["jude"] is None
