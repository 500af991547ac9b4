"""Spends above the threshold: the card keeps the money, the decision settles it, and the resumed task gets that same hold."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from chimera.flows.expire_cards import expire_cards
from chimera.flows.expire_holds import expire_holds
from chimera.flows.lapse_leases import lapse_leases
from chimera.kernel import clock
from commerce.models import Transaction
from safety.models import ReviewCard
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent, task_row


def asked(stage: Stage, claim: dict[str, Any], amount: str = "8", **more: Any) -> Said:
    return stage.ada.spend(claim, amount, **more).ok(202)


def decide(stage: Stage, spend: Said, decision: str) -> Said:
    return stage.rita.post(f"reviews/{spend['review']}/decision", {"decision": decision, "note": "seen"}).ok()


def read(stage: Stage, spend: Said) -> Said:
    return stage.anna.get(f"transactions/{spend['id']}").ok()


def keepers(stage: Stage) -> list[tuple[str, str | None]]:
    with stage.bound():
        return list(Transaction.objects.order_by("pk").values_list("status", "keeper"))


def test_above_the_threshold_a_person_decides_and_the_task_waits(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    assert (spend["status"], spend["captured_usd"], spend["budgets"]) == ("review", None, [budget["id"]])
    card = acme.rita.get(f"reviews/{spend['review']}").ok()
    assert (card["status"], card["transaction"], card["task"]) == ("pending", spend["id"], claim["task"]["id"])
    assert card["reasons"][0]["code"] == "spend_above_threshold"
    assert spend["expires_at"] == card["due_at"]
    task = acme.pia.get(f"tasks/{claim['task']['id']}").ok()
    assert task["status"] == "blocked"
    assert "8.00 USD" in task["blocked_reason"]
    assert spent(acme, budget) == ("8.00", "0.00", "12.00")
    acme.ada.spend(claim, "1").refused(409, "stale_lease")
    check_books(acme)


def test_at_the_threshold_nobody_is_asked(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    acme.ada.spend(claim, "5").ok(201)
    asked(acme, claim, "5.000001")


def test_above_the_limit_nobody_is_asked_it_is_denied(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    acme.ada.spend(claim, "20.01").refused(402, "budget_exceeded")
    assert task_row(acme, claim).status == "running"
    with acme.bound():
        assert not ReviewCard.objects.exists()


def test_the_lowest_threshold_of_all_budgets_counts(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="15")
    strict = acme.budget(scope="agent", scope_id=acme.ada.id, approval_threshold_usd="1")
    assert asked(acme, at_work(acme), "2")["budgets"][0] == strict["id"]


def test_what_waits_for_a_person_is_reserved_at_once(acme: Stage) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="5")
    one, two = at_work(acme), at_work(acme)
    asked(acme, one)
    assert acme.ada.spend(two, "2.01").refused(402, "budget_exceeded")["remaining_usd"] == "2.00"
    acme.ada.spend(two, "2").ok(201)
    check_books(acme)


def test_the_tasks_other_holds_wait_with_the_card(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim, other = at_work(acme), at_work(acme)
    small = acme.ada.spend(claim, "1").ok(201)
    acme.ada.spend(other, "2").ok(201)
    spend = asked(acme, claim)
    assert keepers(acme) == [("held", "card"), ("held", "lease"), ("review", "card")]
    kept = read(acme, small)
    assert (kept["status"], kept["review"], kept["expires_at"]) == ("held", spend["review"], spend["expires_at"])
    with clock.held(clock.now() + settings.LEASE + timedelta(seconds=1)):
        lapse_leases()
    assert keepers(acme) == [("held", "card"), ("voided", None), ("review", "card")]
    check_books(acme)


def test_an_approval_is_for_the_purchase_however_its_purpose_is_worded(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim, purpose="a picture of the ferry")
    decide(acme, spend, "approve")
    again = claimed_again(acme, claim)
    assert again["resume"]["transactions"][0]["purpose"] == "a picture of the ferry"
    same = acme.ada.spend(again, "8", purpose="the ferry, as a picture").ok(201)
    assert (same["id"], same["purpose"]) == (spend["id"], "a picture of the ferry")


def test_an_approved_spend_is_the_same_hold_in_the_resumed_task(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim, category="render")
    decide(acme, spend, "approve")
    waiting = read(acme, spend)
    assert (waiting["status"], waiting["review"]) == ("held", spend["review"])
    assert keepers(acme) == [("held", "resume")]
    again = claimed_again(acme, claim)
    assert again["attempt"] == claim["attempt"]
    assert again["resume"]["review"] == spend["review"]
    assert [t["id"] for t in again["resume"]["transactions"]] == [spend["id"]]
    held = acme.ada.spend(again, "8.00", category="render").ok(201)
    assert (held["id"], held["status"], held["expires_at"]) == (spend["id"], "held", again["lease_expires_at"])
    assert acme.ada.spend(again, "8", category="render").ok(201)["id"] == spend["id"]
    acme.ada.post(f"transactions/{held['id']}/capture", {"lease_token": again["lease_token"]}).ok()
    assert spent(acme, budget) == ("0.00", "8.00", "12.00")
    check_books(acme)


@pytest.mark.parametrize(
    "other", [{"amount_usd": "7.99"}, {"payee": "else.example"}, {"category": "fonts"}, {"asset_symbol": "USDC"}]
)
def test_an_approval_covers_exactly_what_was_asked(acme: Stage, other: dict[str, str]) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    decide(acme, spend, "approve")
    again = claimed_again(acme, claim)
    body = {"amount": "8"} | ({"amount": other["amount_usd"]} if "amount_usd" in other else other)
    second = asked(acme, again, **body)
    assert second["id"] != spend["id"]
    assert second["review"] != spend["review"]
    assert keepers(acme) == [("held", "card"), ("review", "card")]


def test_an_approval_is_used_once(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    decide(acme, spend, "approve")
    again = claimed_again(acme, claim)
    acme.ada.post(f"transactions/{spend['id']}/capture", {"lease_token": again["lease_token"]}).ok()
    assert asked(acme, again)["id"] != spend["id"]


def test_a_small_hold_that_waited_with_the_card_is_not_placed_twice(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    small = acme.ada.spend(claim, "1").ok(201)
    decide(acme, asked(acme, claim), "approve")
    again = claimed_again(acme, claim)
    assert acme.ada.spend(again, "1").ok(201)["id"] == small["id"]
    assert spent(acme, budget)[0] == "9.00"


def test_another_tasks_approval_is_of_no_use(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    decide(acme, asked(acme, claim), "approve")
    claimed_again(acme, claim)
    asked(acme, at_work(acme))


@pytest.mark.parametrize(("decision", "task"), [("reject", "failed"), ("request_changes", "queued")])
def test_a_refused_spend_is_denied_and_everything_comes_back(acme: Stage, decision: str, task: str) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    small = acme.ada.spend(claim, "1").ok(201)
    spend = asked(acme, claim)
    decide(acme, spend, decision)
    denied = read(acme, spend)
    assert (denied["status"], denied["denied_code"], denied["expires_at"]) == ("denied", "rejected", None)
    assert "seen" in denied["denied_reason"]
    assert read(acme, small)["status"] == "voided"
    assert spent(acme, budget) == ("0.00", "0.00", "20.00")
    assert task_row(acme, claim).status == task
    check_books(acme)


def test_a_card_nobody_decides_fails_closed(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    with clock.held(clock.now() + settings.CARD_DUE + timedelta(seconds=1)):
        assert expire_cards() == 1
        assert read(acme, spend)["status"] == "denied"
    assert spent(acme, budget, "total")[0] == "0.00"
    assert task_row(acme, claim).status == "failed"
    check_books(acme)


def test_a_cancelled_task_withdraws_its_card_and_frees_the_money(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "enough"}).ok()
    denied = read(acme, spend)
    assert (denied["status"], denied["denied_code"]) == ("denied", "withdrawn")
    assert acme.rita.get(f"reviews/{spend['review']}").ok()["status"] == "withdrawn"
    assert spent(acme, budget)[0] == "0.00"
    check_books(acme)


def test_an_approved_hold_that_nobody_claims_expires(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    decide(acme, spend, "approve")
    assert expire_holds() == 0
    with clock.held(clock.now() + settings.RESUME_DEADLINE + timedelta(seconds=1)):
        assert expire_holds() == 1
        assert expire_holds() == 0
        assert read(acme, spend)["status"] == "expired"
    assert spent(acme, budget, "total")[0] == "0.00"
    check_books(acme)


def test_a_late_claim_meets_the_deadline_before_the_clock_does(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    decide(acme, spend, "approve")
    with clock.held(clock.now() + settings.RESUME_DEADLINE + timedelta(seconds=1)):
        again = claimed_again(acme, claim)
        assert again["resume"]["transactions"] == []
        assert read(acme, spend)["status"] == "expired"
        assert asked(acme, again)["id"] != spend["id"]
    check_books(acme)


def test_a_resumed_lease_that_lapses_loses_the_approved_hold(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    decide(acme, spend, "approve")
    claimed_again(acme, claim)
    with clock.held(clock.now() + settings.LEASE + timedelta(seconds=1)):
        lapse_leases()
        assert read(acme, spend)["status"] == "voided"
    assert spent(acme, budget, "total")[0] == "0.00"


def test_a_result_that_waits_for_a_person_keeps_its_holds_and_spends_them_when_approved(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "3").ok(201)
    review = acme.ada.finish(claim, confidence=0.75).ok()["review"]
    assert keepers(acme) == [("held", "card")]
    with clock.held(clock.now() + settings.LEASE + timedelta(seconds=1)):
        assert lapse_leases() == 0
    acme.rita.post(f"reviews/{review}/decision", {"decision": "approve"}).ok()
    assert read(acme, held)["captured_usd"] == "3.00"
    assert spent(acme, budget) == ("0.00", "3.00", "17.00")


def test_money_facts_tell_the_whole_way_in_order(acme: Stage, settle: Callable[[], None]) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    acme.ada.spend(claim, "1").ok(201)
    spend = asked(acme, claim)
    decide(acme, spend, "approve")
    again = claimed_again(acme, claim)
    acme.ada.finish(again).ok()
    settle()
    told = acme.pia.get(f"sessions/{claim['task']['session']}/events", limit="100").ok()["results"]
    ours = [e for e in told if e["payload"].get("aggregate_id") == spend["id"]]
    assert [e["type"] for e in ours] == [
        "commerce.transaction.review_requested.v1",
        "commerce.transaction.approved.v1",
        "commerce.transaction.rebound.v1",
        "commerce.transaction.captured.v1",
    ]
    assert [e["payload"]["aggregate_version"] for e in ours] == [1, 2, 3, 4]
    assert [e["payload"]["amount_usd"] for e in ours] == ["8.00"] * 4
    types = {e["type"] for e in told}
    assert {"commerce.transaction.held.v1", "commerce.transaction.kept.v1", "commerce.transaction.released.v1"} <= types
