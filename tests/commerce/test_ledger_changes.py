"""What may change in the ledger, and how the database tells of it."""

from uuid import UUID

import pytest
from django.db import connections

from commerce.models import BudgetConfig, SpendWindow, Transaction, Transition
from tests.cast import Stage
from tests.commerce.books import at_work, claimed_again, history
from tests.commerce.ledger import FITTING, Attempt, as_owner, every, one_of_each


@pytest.fixture
def ledger(acme: Stage) -> dict[str, str]:
    return one_of_each(acme)


@every
def test_a_metered_hold_only_grows_and_its_meter_with_it(acme: Stage, attempt: Attempt) -> None:
    acme.budget(day_usd="100")
    claim = at_work(acme)
    acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"], "cost_usd": "2"}).ok()
    with acme.bound():
        pk = Transaction.objects.get().pk
    for change, refused in {
        "amount_usd = 5": "",
        "amount_usd = 3": "transaction_stands",
        "metered_usd = 3": "",
        "metered_usd = 1": "transaction_stands",
        "metered_usd = 4.000001": "transaction_metered_within_hold",
        f"amount_usd = 5, status = 'captured', {FITTING['captured']}": "transaction_stands",
    }.items():
        sql = f"UPDATE commerce_transaction SET version = version + 1, {change} WHERE id = %s"
        assert attempt(acme, sql, pk) == refused, change
    unmetered = (
        "UPDATE commerce_transaction SET version = version + 1, metered_usd = NULL, metered_lease = NULL WHERE id = %s"
    )
    assert as_owner(acme, unmetered, pk) == "transaction_stands"


@every
def test_a_limit_may_be_lowered_below_what_was_spent_and_then_only_falls(
    acme: Stage, ledger: dict[str, str], attempt: Attempt
) -> None:
    with acme.bound():
        BudgetConfig.objects.update(day_usd=1)
        SpendWindow.objects.filter(kind="day").update(limit_usd=1)
    day = "UPDATE commerce_spendwindow SET {} WHERE kind = 'day'"
    assert attempt(acme, day.format("held_usd = held_usd + 0.000001")) == "window_within_limit"
    assert attempt(acme, day.format("held_usd = held_usd - 1, captured_usd = captured_usd + 1")) == ""
    assert attempt(acme, day.format("held_usd = held_usd - 10")) == ""


def test_every_change_of_a_transaction_is_told_with_who_made_it(acme: Stage) -> None:
    """Lease, card, approval, claim, capture: one row each, with what is counted from then on."""
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "8").ok(202)
    acme.rita.post(f"reviews/{spend['review']}/decision", {"decision": "approve"}).ok()
    again = claimed_again(acme, claim)
    acme.ada.post(f"transactions/{spend['id']}/capture", {"lease_token": again["lease_token"], "amount_usd": "6"}).ok()
    ada, rita = f"agent:{acme.ada.id}", f"person:{acme.rita.id}"
    assert history(acme, spend["id"]) == [
        (1, None, "review", 8, 0, "card", ada),
        (2, "review", "held", 8, 0, "resume", rita),
        (3, "held", "held", 8, 0, "lease", ada),
        (4, "held", "captured", 0, 6, None, ada),
    ]


def test_a_change_by_hand_is_told_with_the_role_that_made_it(acme: Stage, ledger: dict[str, str]) -> None:
    """Whomever its `changed_by` still names."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"UPDATE commerce_transaction SET version = 2, status = 'voided', {FITTING['voided']} WHERE id = %s",
            [ledger["held"]],
        )
    with acme.bound():
        logins = list(Transition.objects.of(UUID(ledger["held"])).values_list("login", flat=True))
    assert logins == ["chimera_app", "chimera_owner"]
