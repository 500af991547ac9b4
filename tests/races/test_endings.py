"""A task is taken away while somebody is at it: cancel against finish and spend, stop against claim and create."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chimera.flows.cancel_task import cancel_orphans
from chimera.flows.lapse_leases import lapse_leases
from chimera.flows.stop_work import stop_session
from chimera.kernel import clock
from chimera.kernel.actors import SYSTEM
from commerce import actions as commerce
from swarm.actions import claims, listed, sessions, tasks
from tests.cast import Stage
from tests.races.threads import InBackground, held_after, wait_for_waiters

Settle = Callable[[], None]


@pytest.fixture
def claim(acme: Stage, settle: Settle) -> dict[str, Any]:
    """Ada's claim, with a hold of one dollar."""
    acme.budget(day_usd="10")
    acme.task(acme.session())
    settle()
    (found,) = acme.ada.claim()
    acme.ada.spend(found, "1").ok(201)
    return found


def cancelled(acme: Stage, claim: dict[str, Any]) -> InBackground:
    return InBackground(lambda: acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "enough"}))


def money(acme: Stage) -> tuple[str, str]:
    (budget,) = acme.fay.get("budgets").ok()["results"]
    (day,) = [w for w in acme.fay.get(f"budgets/{budget['id']}/usage").ok()["windows"] if w["window"] == "day"]
    return day["held_usd"], day["captured_usd"]


def status(acme: Stage, claim: dict[str, Any]) -> str:
    return str(acme.pia.get(f"tasks/{claim['task']['id']}").ok()["status"])


def test_a_cancel_that_waited_for_the_result_comes_too_late(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, tasks, "complete") as hold:
        result = InBackground(lambda: acme.ada.finish(claim))
        hold.wait_reached()
        cancel = cancelled(acme, claim)
        wait_for_waiters()
        hold.release()
        assert result.answer().ok()["outcome"] == "completed"
        cancel.answer().refused(409, "task_completed")
    assert (status(acme, claim), money(acme)) == ("completed", ("0.00", "1.00"))


def test_a_result_that_waited_for_the_cancel_is_stale(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, tasks, "cancel") as hold:
        cancel = cancelled(acme, claim)
        hold.wait_reached()
        result = InBackground(lambda: acme.ada.finish(claim))
        wait_for_waiters()
        hold.release()
        cancel.answer().ok()
        result.answer().refused(409, "stale_lease")
    assert (status(acme, claim), money(acme)) == ("cancelled", ("0.00", "0.00"))


def test_a_spend_that_was_being_decided_is_given_back_by_the_cancel_that_waited(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_after(monkeypatch, commerce, "reserve") as hold:
        spend = InBackground(lambda: acme.ada.spend(claim, "2"))
        hold.wait_reached()
        cancel = cancelled(acme, claim)
        wait_for_waiters()
        hold.release()
        held = spend.answer().ok(201)
        cancel.answer().ok()
    assert acme.fay.get(f"transactions/{held['id']}").ok()["status"] == "voided"
    assert money(acme) == ("0.00", "0.00")


def test_a_beat_that_came_in_time_keeps_the_lease_from_the_sweep_that_waited(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep has listed the lease as lapsed; under the lock it looks again."""
    beat_path, token = f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}
    ends = datetime.fromisoformat(claim["lease_expires_at"])
    with held_after(monkeypatch, claims, "renew") as hold:
        with clock.held(ends - timedelta(seconds=10)):
            beat = InBackground(lambda: acme.ada.post(beat_path, token))
            hold.wait_reached()
        with clock.held(ends):
            sweep = InBackground(lapse_leases)
            wait_for_waiters()
            hold.release()
            beat.answer().ok()
            assert sweep.answer() == 1
    assert status(acme, claim) == "running"


def test_what_was_claimed_while_its_session_was_stopped_is_swept(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = acme.session()
    acme.task(session)
    settle()
    with held_after(monkeypatch, listed, "take") as hold:
        claim = InBackground(acme.ada.claim)
        hold.wait_reached()
        stop = InBackground(lambda: acme.otto.post(f"sessions/{session['id']}/stop", {"reason": "over"}))
        wait_for_waiters()
        hold.release()
        (slipped,) = claim.answer()
        assert stop.answer().ok()["status"] == "stopped"
    assert status(acme, slipped) == "cancelled"
    beat = {"lease_token": slipped["lease_token"]}
    acme.ada.post(f"tasks/{slipped['task']['id']}/heartbeat", beat).refused(409, "stale_lease")
    acme.ada.finish(slipped).refused(409, "stale_lease")


@pytest.mark.parametrize("who", ["the follow-up", "the clock"])
def test_a_stop_that_died_before_its_sweep_is_finished_by_others(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    session = acme.session()
    acme.task(session), acme.task(session)
    settle()
    with held_after(monkeypatch, listed, "take") as hold:
        claim = InBackground(acme.ada.claim)
        hold.wait_reached()
        with acme.bound():
            stop_session(session_id=UUID(session["id"]), reason="enough", by=SYSTEM)
        hold.release()
        (slipped,) = claim.answer()
    if who == "the clock":
        assert cancel_orphans() == 2
    settle()
    assert status(acme, slipped) == "cancelled"
    assert acme.pia.get("tasks", status="cancelled", session=session["id"]).ok()["next"] is None
    assert len(acme.pia.get("tasks", status="cancelled", session=session["id"]).ok()["results"]) == 2


def test_a_stop_waits_for_tasks_that_are_being_created_and_takes_them_too(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = acme.session()
    acme.task(session)
    with held_after(monkeypatch, sessions, "lock_for_tasks") as hold:
        create = InBackground(lambda: acme.task(session))
        hold.wait_reached()
        stop = InBackground(lambda: acme.otto.post(f"sessions/{session['id']}/stop", {"reason": "over"}))
        wait_for_waiters()
        hold.release()
        late = create.answer()
        stop.answer().ok()
    assert acme.pia.get(f"tasks/{late['id']}").ok()["status"] == "cancelled"
    body = {"session": session["id"], "type": "research", "input_payload": {}}
    acme.pia.post("tasks", body).refused(409, "session_ended")
