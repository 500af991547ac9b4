"""Finance voids a hold by hand: whoever keeps it but an open card, with a reason, and its money is free at once."""

from typing import Any

import pytest

from chimera.kernel.eventlog import Event
from commerce.models import Transaction, Transition
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent, task_row
from tests.commerce.test_review_money import asked, decide

WHY = "The supplier went out of business."


def by_hand(who: Caller, held: Said | dict[str, Any], reason: Any = WHY, **more: Any) -> Said:
    return who.post(f"transactions/{held['id']}/void", {"reason": reason} | more)


def last_told(stage: Stage, held: Said) -> Event:
    with stage.bound():
        return Event.objects.filter(aggregate_id=held["id"]).order_by("-xid", "-seq").first()


def test_a_hold_of_a_lease_is_voided_and_its_money_is_free_at_once(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim, other = at_work(acme), at_work(acme)
    held = acme.ada.spend(claim, "8").ok(201)
    acme.ada.spend(other, "8").refused(402, "budget_exceeded")
    voided = by_hand(acme.fay, held).ok()
    assert (voided["status"], voided["captured_usd"], voided["expires_at"]) == ("voided", None, None)
    assert spent(acme, budget) == ("0.00", "0.00", "10.00")
    acme.ada.spend(other, "8").ok(201)
    check_books(acme)


def test_its_agent_works_on_and_its_capture_is_refused_with_what_to_do(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "8").ok(201)
    by_hand(acme.fay, held).ok()
    lease = {"lease_token": claim["lease_token"]}
    late = acme.ada.post(f"transactions/{held['id']}/capture", lease).refused(409, "transaction_voided")
    assert "authorise anew" in late["detail"]
    assert acme.ada.post(f"transactions/{held['id']}/void", lease).ok()["status"] == "voided"
    assert acme.ada.spend(claim, "1").ok(201)["id"] != held["id"]
    acme.ada.finish(claim).ok()
    assert task_row(acme, claim).status == "completed"
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "voided"
    check_books(acme)


def test_the_fact_and_the_ledger_say_who_and_why(acme: Stage) -> None:
    acme.budget(day_usd="10")
    held = acme.ada.spend(at_work(acme), "8").ok(201)
    by_hand(acme.fay, held).ok()
    fact = last_told(acme, held)
    assert (fact.type, fact.actor, fact.payload["reason"]) == (
        "commerce.transaction.voided.v1",
        f"person:{acme.fay.id}",
        WHY,
    )
    with acme.bound():
        steps = Transition.objects.of(held["id"]).values_list("from_status", "to_status", "actor")
        assert list(steps) == [
            (None, "held", f"agent:{acme.ada.id}"),
            ("held", "voided", f"person:{acme.fay.id}"),
        ]


def test_what_a_card_keeps_is_decided_on_the_card(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    small = acme.ada.spend(claim, "1").ok(201)
    spend = asked(acme, claim)
    for kept in (small, spend):
        refused = by_hand(acme.fay, kept).refused(409, "kept_by_card")
        assert refused["review"] == spend["review"]
        assert spend["review"] in refused["detail"]
    assert spent(acme, budget) == ("9.00", "0.00", "11.00")
    decide(acme, spend, "reject")
    by_hand(acme.fay, spend).refused(409, "transaction_denied")
    assert by_hand(acme.fay, small).ok()["status"] == "voided"  # by the rejection
    check_books(acme)


def test_an_approved_hold_that_waits_for_its_claim_is_voided_and_would_have_to_be_approved_anew(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = asked(acme, claim)
    decide(acme, spend, "approve")
    assert by_hand(acme.fay, spend).ok()["status"] == "voided"
    assert spent(acme, budget) == ("0.00", "0.00", "20.00")
    again = claimed_again(acme, claim)
    assert again["resume"]["transactions"] == []
    assert asked(acme, again)["review"] != spend["review"]
    check_books(acme)


def test_of_a_metered_hold_what_was_spent_stays_spent_and_the_meter_goes_on_anew(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    beat = f"tasks/{claim['task']['id']}/heartbeat"
    lease = {"lease_token": claim["lease_token"]}
    acme.ada.post(beat, lease | {"cost_usd": "2"}).ok()
    with acme.bound():
        metered = {"id": str(Transaction.objects.get().pk)}
    assert spent(acme, budget) == ("4.00", "0.00", "6.00")
    first = by_hand(acme.fay, metered).ok()
    assert (first["status"], first["captured_usd"]) == ("captured", "2.00")
    assert spent(acme, budget) == ("0.00", "2.00", "8.00")
    assert last_told(acme, first).payload["reason"] == WHY
    assert by_hand(acme.fay, metered).ok().body == first.body
    acme.ada.post(beat, lease | {"cost_usd": "3"}).ok()
    assert spent(acme, budget) == ("2.00", "2.00", "6.00")
    check_books(acme)


def test_the_same_void_once_more_answers_the_same_and_tells_nothing(acme: Stage) -> None:
    acme.budget(day_usd="10")
    held = acme.ada.spend(at_work(acme), "8").ok(201)
    first = by_hand(acme.fay, held).ok()
    told = last_told(acme, held).pk
    assert by_hand(acme.boss, held, "for another reason").ok().body == first.body
    assert last_told(acme, held).pk == told


def test_what_was_captured_is_not_given_back(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "8").ok(201)
    acme.ada.post(f"transactions/{held['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
    refused = by_hand(acme.fay, held).refused(409, "transaction_captured")
    assert "not given back" in refused["detail"]
    check_books(acme)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"reason": ""}, "blank"),
        ({"reason": "  "}, "blank"),
        ({"reason": None}, "null"),
        ({"reason": "x" * 501}, "max_length"),
        ({"reason": WHY, "lease_token": "0198c0de-0000-7000-8000-000000000000"}, "unknown_field"),
    ],
)
def test_a_person_says_why_and_shows_no_lease(acme: Stage, body: dict[str, Any], code: str) -> None:
    acme.budget(day_usd="10")
    held = acme.ada.spend(at_work(acme), "8").ok(201)
    said = acme.fay.post(f"transactions/{held['id']}/void", body)
    assert (said.status, [e["code"] for e in said["errors"]]) == (422, [code])
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "held"


MAY = {"fay": True, "boss": True, "rita": False, "otto": False, "anna": False, "pia": False, "jude": False}


@pytest.mark.parametrize("who", MAY)
def test_finance_and_admins_void_by_hand_and_nobody_else(acme: Stage, who: str) -> None:
    acme.budget(day_usd="10")
    held = acme.ada.spend(at_work(acme), "8").ok(201)
    said = by_hand(getattr(acme, who), held)
    if MAY[who]:
        said.ok()
    else:
        said.refused(403, "role")
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == ("voided" if MAY[who] else "held")


def test_an_agent_does_not_void_without_its_lease(acme: Stage) -> None:
    acme.budget(day_usd="10")
    held = acme.ada.spend(at_work(acme), "8").ok(201)
    said = by_hand(acme.ada, held)
    assert (said.status, [(e["field"], e["code"]) for e in said["errors"]]) == (422, [("lease_token", "required")])


def test_another_tenants_hold_does_not_exist(acme: Stage, zenith: Stage) -> None:
    acme.budget(day_usd="10")
    held = acme.ada.spend(at_work(acme), "8").ok(201)
    by_hand(zenith.fay, held).refused(404, "not_found")
    assert acme.ada.get(f"transactions/{held['id']}").ok()["status"] == "held"
