"""The ends of a hold: capture, void, and what a lease, a result, a cancel or a lapse does to it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chimera.flows.lapse_leases import lapse_leases
from chimera.kernel import clock
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent


def capture(stage: Stage, claim: dict[str, Any], held: Said, amount: str | None = None, **more: str) -> Said:
    body = {"lease_token": claim["lease_token"]} | ({"amount_usd": amount} if amount is not None else {})
    return stage.ada.post(f"transactions/{held['id']}/capture", body, **more)


def void(stage: Stage, claim: dict[str, Any], held: Said) -> Said:
    return stage.ada.post(
        f"transactions/{held['id']}/void", {"lease_token": claim["lease_token"], "reason": "not needed"}
    )


def after_lease(claim: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(claim["lease_expires_at"]) + timedelta(seconds=1)


def test_a_capture_spends_up_to_the_hold_and_frees_the_rest(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    captured = capture(acme, claim, held, "4.50").ok()
    assert (captured["status"], captured["amount_usd"], captured["captured_usd"]) == ("captured", "6.00", "4.50")
    assert captured["expires_at"] is None
    assert captured["settled_at"] is not None
    assert spent(acme, budget) == ("0.00", "4.50", "5.50")
    check_books(acme)


def test_a_capture_without_amount_takes_all(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    assert capture(acme, claim, held).ok()["captured_usd"] == "6.00"
    assert spent(acme, budget) == ("0.00", "6.00", "4.00")


@pytest.mark.parametrize("amount", [None, "6", "4.5"])
def test_the_same_capture_once_more_answers_the_same(acme: Stage, amount: str | None) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    first = capture(acme, claim, held, amount).ok()
    before = spent(acme, budget)
    assert capture(acme, claim, held, amount).ok().body == first.body
    assert spent(acme, budget) == before
    check_books(acme)


def test_a_second_capture_with_another_amount_is_refused(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    capture(acme, claim, held, "2").ok()
    capture(acme, claim, held, "3").refused(409, "already_captured")
    capture(acme, claim, held).refused(409, "already_captured")
    check_books(acme)


@pytest.mark.parametrize("amount", ["6.000001", "7", "1000000000"])
def test_a_capture_above_the_hold_is_refused(acme: Stage, amount: str) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    capture(acme, claim, held, amount).refused(422, "capture_above_hold")
    assert spent(acme, budget) == ("6.00", "0.00", "4.00")
    capture(acme, claim, held, "6").ok()


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "1e400", "0.0000001"])
def test_a_capture_of_no_amount_is_refused(acme: Stage, amount: str) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    assert capture(acme, claim, held, amount).status == 422
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "held"


def test_a_void_gives_everything_back(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    first = void(acme, claim, held).ok()
    assert (first["status"], first["captured_usd"]) == ("voided", None)
    assert void(acme, claim, held).ok().body == first.body
    assert spent(acme, budget) == ("0.00", "0.00", "10.00")
    check_books(acme)


def test_after_a_void_nothing_is_captured_and_after_a_capture_nothing_is_voided(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    one, two = acme.ada.spend(claim, "1").ok(201), acme.ada.spend(claim, "2").ok(201)
    void(acme, claim, one).ok()
    capture(acme, claim, one).refused(409, "transaction_voided")
    capture(acme, claim, two).ok()
    void(acme, claim, two).refused(409, "transaction_captured")
    check_books(acme)


def test_what_was_denied_is_neither_captured_nor_voided(acme: Stage) -> None:
    claim = at_work(acme)
    denied = Said(402, acme.ada.spend(claim, "1").refused(402, "no_budget")["transaction"], {})
    capture(acme, claim, denied).refused(409, "transaction_denied")
    void(acme, claim, denied).refused(409, "transaction_denied")


def test_only_the_holding_lease_captures_and_voids(acme: Stage) -> None:
    acme.budget(day_usd="10")
    mine, other = at_work(acme), at_work(acme)
    bobs = at_work(acme, acme.bob)
    held = acme.ada.spend(mine, "1").ok(201)
    for wrong in (other, bobs):
        capture(acme, wrong, held).refused(409, "stale_lease")
        void(acme, wrong, held).refused(409, "stale_lease")
    acme.bob.post(f"transactions/{held['id']}/capture", {"lease_token": mine["lease_token"]}).refused(
        409, "stale_lease"
    )
    acme.rita.post(f"transactions/{held['id']}/void", {"lease_token": mine["lease_token"]}).refused(403, "role")
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "held"


def test_a_finished_task_has_spent_what_it_held(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held, voided = acme.ada.spend(claim, "3").ok(201), acme.ada.spend(claim, "2").ok(201)
    void(acme, claim, voided).ok()
    acme.ada.finish(claim).ok()
    assert acme.ada.get(f"transactions/{held['id']}").ok()["captured_usd"] == "3.00"
    assert spent(acme, budget) == ("0.00", "3.00", "7.00")
    capture(acme, claim, held).refused(409, "stale_lease")
    check_books(acme)


def test_a_failed_task_gives_its_holds_back(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "3").ok(201)
    error = {"code": "broken", "message": "no", "retryable": False}
    body = {"lease_token": claim["lease_token"], "status": "failed", "error": error}
    acme.ada.post(f"tasks/{claim['task']['id']}/result", body).ok()
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "voided"
    assert spent(acme, budget) == ("0.00", "0.00", "10.00")


def test_a_cancelled_task_gives_its_holds_back_and_keeps_what_it_captured(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held, kept = acme.ada.spend(claim, "3").ok(201), acme.ada.spend(claim, "2").ok(201)
    capture(acme, claim, kept).ok()
    acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "no more"}).ok()
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "voided"
    capture(acme, claim, held).refused(409, "stale_lease")
    assert spent(acme, budget) == ("0.00", "2.00", "8.00")
    check_books(acme)


def test_a_lapsed_lease_gives_its_holds_back_and_its_agent_comes_too_late(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "10").ok(201)
    with clock.held(after_lease(claim)):
        capture(acme, claim, held).refused(409, "stale_lease")  # before any sweep came by
        assert lapse_leases() == 1
        capture(acme, claim, held).refused(409, "stale_lease")
        assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "voided"
    assert spent(acme, budget, "total") == ("0.00", "0.00", None)
    check_books(acme)


def test_the_next_lease_cannot_touch_what_the_last_one_held(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "4").ok(201)
    with clock.held(after_lease(claim)):
        lapse_leases()
        second = claimed_again(acme, claim)
        capture(acme, second, held).refused(409, "transaction_voided")
        acme.ada.spend(second, "10").ok(201)
    check_books(acme)


def test_a_capture_with_a_key_is_answered_again(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "4").ok(201)
    first = capture(acme, claim, held, "1", Idempotency_Key="c").ok()
    acme.ada.finish(claim).ok()
    assert capture(acme, claim, held, "1", Idempotency_Key="c").ok().body == first.body
