"""Voiding by hand while its agent does something with the same hold: one of them is first, and the other is told what became of it."""

from typing import Any

import pytest

from chimera.flows import authorise_spend, capture_spend, void_by_hand
from chimera.kernel.eventlog import Event
from commerce import actions as commerce
from commerce.actions import settlement
from commerce.models import Transaction
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books, spent
from tests.races.aftermath import log_and_cursors
from tests.races.dying import at_every_line
from tests.races.threads import Hold, InBackground, held_after, wait_for_waiters

TASKS_LOCK = "swarm_task"


def voided(stage: Stage, held: Said) -> Said:
    return Caller(stage.fay.secret).post(f"transactions/{held['id']}/void", {"reason": "not needed"})


def captured(stage: Stage, claim: dict[str, Any], held: Said) -> Said:
    body = {"lease_token": claim["lease_token"]}
    return Caller(stage.ada.secret).post(f"transactions/{held['id']}/capture", body)


def test_the_agent_that_captures_first_has_spent_it(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "1").ok(201)
    with held_after(monkeypatch, capture_spend, "locked_for_lease") as hold:
        first = InBackground(lambda: captured(acme, claim, held))
        hold.wait_reached()
        second = InBackground(lambda: voided(acme, held))
        wait_for_waiters(asking=TASKS_LOCK)
    first.answer().ok()
    second.answer().refused(409, "transaction_captured")
    assert spent(acme, budget) == ("0.00", "1.00", "9.00")
    check_books(acme)


def test_the_person_who_voids_first_has_freed_it(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "1").ok(201)
    with held_after(monkeypatch, void_by_hand.tasks, "lock_all") as hold:
        first = InBackground(lambda: voided(acme, held))
        hold.wait_reached()
        second = InBackground(lambda: captured(acme, claim, held))
        wait_for_waiters(asking=TASKS_LOCK)
    first.answer().ok()
    second.answer().refused(409, "transaction_voided")
    assert spent(acme, budget) == ("0.00", "0.00", "10.00")
    check_books(acme)


def test_a_card_that_opens_meanwhile_keeps_the_hold(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    small = acme.ada.spend(claim, "1").ok(201)
    with held_after(monkeypatch, authorise_spend.tasks, "lock") as hold:
        first = InBackground(lambda: Caller(acme.ada.secret).spend(claim, "8"))
        hold.wait_reached()
        second = InBackground(lambda: voided(acme, small))
        wait_for_waiters(asking=TASKS_LOCK)
    card = first.answer().ok(202)["review"]
    assert second.answer().refused(409, "kept_by_card")["review"] == card
    check_books(acme)


@pytest.mark.slow
def test_the_process_that_voids_dies_at_any_line(acme: Stage) -> None:
    """Nothing is done, or all of it; who voids once more is answered the same."""
    budget = acme.budget(day_usd="10")

    def scene() -> Said:
        return acme.ada.spend(at_work(acme), "1").ok(201)

    def judged(held: Said) -> None:
        check_books(acme)
        assert voided(acme, held).ok()["status"] == "voided"
        assert spent(acme, budget) == ("0.00", "0.00", "10.00")
        with acme.bound():
            told = Event.objects.filter(aggregate_id=held["id"]).order_by("xid", "seq")
            assert [event.type.split(".")[2] for event in told] == ["held", "voided"]
        acme.otto.post(f"tasks/{held['task']}/cancel", {"reason": "seen"}).ok()

    deaths = at_every_line(scene, lambda held: voided(acme, held), judged, mark=log_and_cursors)
    assert deaths > 10


def test_control_without_its_locks_the_void_believes_a_hold_that_has_been_spent(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the compare-and-set stands then, and cannot say what became of it."""
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "1").ok(201)
    hold, calls, believed = Hold(), list[int](), list[str]()

    def unlocked(rows: Any) -> list[Transaction]:
        calls.append(1)
        if len(calls) > 1:
            return settlement.locked(rows)
        found = list(rows)
        hold.stay()
        believed.extend(row.status for row in found)
        return found

    monkeypatch.setattr(void_by_hand.tasks, "lock_all", lambda task_ids: [])
    monkeypatch.setattr(commerce, "locked", unlocked)
    late = InBackground(lambda: voided(acme, held))
    hold.wait_reached()
    captured(acme, claim, held).ok()
    hold.release()
    late.answer().refused(409, "stale")
    assert believed == ["held"]
    check_books(acme)
