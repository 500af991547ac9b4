"""Agents of the SDK killed with money in their hands: what they held is free in time, what they have cost is spent."""

from decimal import Decimal
from typing import Any

import pytest

from chimera.kernel import clock
from commerce.models import SpendWindow, Transaction
from tests.cast import Caller, Stage
from tests.commerce.books import check_books, spent
from tests.processes.crew import SECONDS, Crew
from tests.processes.harness import LEASE_SECONDS, until

pytestmark = pytest.mark.slow
FREE_SECONDS = LEASE_SECONDS + 5.0


def rows(acme: Stage, task: str, **such: Any) -> list[Transaction]:
    with acme.bound():
        return list(Transaction.objects.filter(task_id=task, **such).order_by("pk"))


@pytest.mark.parametrize("transport", ["socket", "http"])
def test_what_a_killed_agent_held_is_free_in_time_and_captured_by_nobody(crew: Crew, transport: str) -> None:
    acme = crew.acme
    budget = acme.budget(day_usd="50")
    crew.hire("victim", transport, slots=1)
    (task,) = crew.offer_to("victim", 1, spends="40")
    until(lambda: rows(acme, task, status="held"), SECONDS)
    (hold,) = rows(acme, task)
    token = str(hold.lease_token)
    assert spent(acme, budget) == ("40.00", "0.00", "10.00")
    killed_at = clock.now()
    crew.kill("victim")
    until(lambda: spent(acme, budget) == ("0.00", "0.00", "50.00"), SECONDS)
    (hold,) = rows(acme, task)
    assert hold.status == "voided"
    assert hold.settled_at is not None
    assert (hold.settled_at - killed_at).total_seconds() <= FREE_SECONDS
    late = Caller(crew.keys["victim"]).post(f"transactions/{hold.pk}/capture", {"lease_token": token})
    late.refused(409, "stale_lease")
    check_books(acme)
    with acme.bound():
        assert {window.captured_usd for window in SpendWindow.objects.all()} == {Decimal(0)}


@pytest.mark.parametrize("transport", ["socket", "http"])
def test_what_a_killed_agent_has_cost_is_spent_and_its_heir_meters_anew(crew: Crew, transport: str) -> None:
    acme = crew.acme
    budget = acme.budget(day_usd="50")
    crew.hire("victim", transport, slots=1)
    (task,) = crew.offer_to("victim", 1, costs="15")
    until(lambda: rows(acme, task, metered_usd=15), SECONDS)
    assert spent(acme, budget) == ("30.00", "0.00", "20.00")
    token = str(rows(acme, task)[0].metered_lease)
    killed_at = clock.now()
    crew.kill("victim")
    until(lambda: spent(acme, budget) == ("0.00", "15.00", "35.00"), SECONDS)
    (first,) = rows(acme, task)
    assert (first.status, first.metered_usd, first.captured_usd) == ("captured", Decimal(15), Decimal(15))
    assert first.settled_at is not None
    assert (first.settled_at - killed_at).total_seconds() <= FREE_SECONDS
    late = Caller(crew.keys["victim"]).post(f"tasks/{task}/heartbeat", {"lease_token": token, "cost_usd": "16"})
    late.refused(409, "stale_lease")
    crew.go.touch()
    crew.hire("heir", transport)
    crew.completed([task])
    assert [row.captured_usd for row in rows(acme, task)] == [Decimal(15), Decimal(15)]
    assert spent(acme, budget) == ("0.00", "30.00", "20.00")
    check_books(acme)
