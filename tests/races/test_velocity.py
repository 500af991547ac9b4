"""Racing spends meet one hour: no more pass than the rules allow, and the control shows what would pass without the locks."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from commerce.actions import pace, windows
from commerce.models import BudgetConfig, SpendWindow, Transaction
from commerce.periods import Period
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books
from tests.races.threads import PATIENCE_SECONDS, at_once

RACERS = 6


@pytest.fixture
def claims(acme: Stage) -> list[dict[str, Any]]:
    """A task each, so that no task's lock puts them in a row."""
    return [at_work(acme) for _ in range(RACERS)]


def race(acme: Stage, claims: list[dict[str, Any]], amount: str) -> Counter[int]:
    said: list[Said] = at_once([lambda c=c: Caller(acme.ada.secret).spend(c, amount) for c in claims])
    refused = [answer for answer in said if answer.status == 402]
    assert all(answer["code"] == "velocity_exceeded" for answer in refused), [answer.body for answer in refused]
    return Counter(answer.status for answer in said)


def ruled(acme: Stage, **velocity: Any) -> None:
    budget = acme.budget(day_usd="100")
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": {"velocity": velocity}}).ok()


@pytest.mark.parametrize("velocity", [{"count_per_hour": 2}, {"amount_usd_per_hour": "2.50"}])
def test_no_more_pass_together_than_the_hour_allows(
    acme: Stage, claims: list[dict[str, Any]], velocity: dict[str, Any]
) -> None:
    ruled(acme, **velocity)
    assert race(acme, claims, "1") == {201: 2, 402: RACERS - 2}
    check_books(acme)


def test_control_who_counts_without_the_locks_lets_them_all_pass(
    acme: Stage, claims: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ruled(acme, count_per_hour=2)
    all_have_counted = threading.Barrier(RACERS)
    count = pace.exceeded

    def lock_open(budgets: Sequence[BudgetConfig], periods: Sequence[Period]) -> list[SpendWindow]:
        return list(SpendWindow.objects.of([b.pk for b in budgets], periods).order_by("pk"))

    def exceeded(*asked: Any) -> Any:
        found = count(*asked)
        all_have_counted.wait(PATIENCE_SECONDS)
        return found

    monkeypatch.setattr(windows, "lock_open", lock_open)
    monkeypatch.setattr(pace, "exceeded", exceeded)
    assert race(acme, claims, "1") == {201: RACERS}
    with acme.bound():
        assert Transaction.objects.filter(status="held").count() == RACERS


def test_a_spend_meets_the_rules_that_were_answered_before_it(acme: Stage, claims: list[dict[str, Any]]) -> None:
    """Spends that race with a change of rules pass before it or are refused by it; after its answer none passes."""
    budget = acme.budget(day_usd="100")
    acme.ada.spend(claims[0], "1").ok(201)
    denied = {"rules": {"payees": {"denied": ["render.example"]}}}
    changed, *said = at_once(
        [
            lambda: Caller(acme.fay.secret).put(f"budgets/{budget['id']}/rules", denied),
            *[lambda c=c: Caller(acme.ada.secret).spend(c, "1") for c in claims],
        ]
    )
    assert changed.ok()["version"] == 1
    assert {answer.status for answer in said} <= {201, 402}
    assert all(answer["rules_version"] == 1 for answer in said if answer.status == 402)
    acme.ada.spend(claims[0], "1").refused(402, "payee_denied")
    check_books(acme)
