"""Days and months of a budget as its tenant's calendar has them, also where a day has 23 or 25 hours, asked through the API."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from chimera.kernel import clock
from swarm.models import Task
from tests.cast import Stage, found
from tests.commerce.books import at_work, check_books, spent, task_row

ZONES = ("Europe/Lisbon", "America/Santiago")  # north and south: one of them soon has a day of either length
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def next_day_of(hours: int) -> tuple[str, date]:
    """The soonest: rows have their places for twelve months."""
    today = clock.now().date()
    for ahead in range(2, 300):
        for zone in ZONES:
            start, end = clock.day_bounds(zone, day := today + timedelta(days=ahead))
            if end - start == hours * HOUR:
                return zone, day
    raise AssertionError(f"no day of {hours} hours is near")


def leased_until(stage: Stage, claim: dict[str, Any], at: datetime) -> None:
    with stage.bound():
        Task.objects.filter(pk=claim["task"]["id"]).update(lease_expires_at=at)


def windows(stage: Stage, budget: dict[str, Any]) -> dict[str, Any]:
    return {w["window"]: w for w in stage.anna.get(f"budgets/{budget['id']}/usage").ok()["windows"]}


@pytest.fixture(params=[23, 25])
def changing(request: pytest.FixtureRequest, db: None) -> tuple[Stage, datetime, datetime]:
    """A tenant with the bounds of a day on which its clocks change."""
    zone, day = next_day_of(request.param)
    return found("Acme", time_zone=zone), *clock.day_bounds(zone, day)


def test_a_day_on_which_clocks_change_is_one_day_to_its_last_second(
    changing: tuple[Stage, datetime, datetime],
) -> None:
    acme, start, end = changing
    budget = acme.budget(day_usd="10", month_usd="100")
    claim = at_work(acme)
    leased_until(acme, claim, end + HOUR)
    with clock.held(start - SECOND):
        acme.ada.spend(claim, "9").ok(201)
    with clock.held(start):
        acme.ada.spend(claim, "4").ok(201)
    with clock.held(start + 5 * HOUR):  # wherever clocks change, they have
        acme.ada.spend(claim, "3").ok(201)
    with clock.held(end - SECOND):
        refused = acme.ada.spend(claim, "3.01").refused(402, "budget_exceeded")
        assert (refused["window"], refused["remaining_usd"]) == ("day", "3.00")
        assert refused["resets_at"] == clock.written(end)
        acme.ada.spend(claim, "3").ok(201)
    with clock.held(end):
        assert spent(acme, budget) == ("0.00", "0.00", "10.00")
        acme.ada.spend(claim, "10").ok(201)
    check_books(acme)


def test_a_hold_made_before_the_end_of_such_a_day_is_captured_in_it(
    changing: tuple[Stage, datetime, datetime],
) -> None:
    acme, _, end = changing
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    leased_until(acme, claim, end + HOUR)
    with clock.held(end - SECOND):
        held = acme.ada.spend(claim, "6").ok(201)
    with clock.held(end + SECOND):
        body = {"lease_token": claim["lease_token"], "amount_usd": "5"}
        acme.ada.post(f"transactions/{held['id']}/capture", body).ok()
        assert spent(acme, budget) == ("0.00", "0.00", "10.00")
    with clock.held(end - SECOND):
        assert spent(acme, budget) == ("0.00", "5.00", "5.00")
    check_books(acme)


def test_a_hold_across_the_end_of_a_month_belongs_to_its_own_month(acme: Stage) -> None:
    budget = acme.budget(day_usd="10", month_usd="20", total_usd="30")
    claim = at_work(acme)
    _, end = clock.month_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    leased_until(acme, claim, end + HOUR)
    with clock.held(end - SECOND):
        captured, voided = (acme.ada.spend(claim, amount).ok(201) for amount in ("6", "2"))
    with clock.held(end + SECOND):
        shown = {name: w["held_usd"] for name, w in windows(acme, budget).items()}
        assert shown == {"transaction": "0.00", "day": "0.00", "month": "0.00", "total": "8.00"}
        body = {"lease_token": claim["lease_token"]}
        acme.ada.post(f"transactions/{captured['id']}/capture", body).ok()
        acme.ada.post(f"transactions/{voided['id']}/void", body).ok()
        acme.ada.spend(claim, "10").ok(201)
        assert spent(acme, budget, "month") == ("10.00", "0.00", "10.00")
        assert spent(acme, budget, "total") == ("10.00", "6.00", "14.00")
    with clock.held(end - SECOND):
        assert spent(acme, budget, "month") == ("0.00", "6.00", "14.00")
        assert spent(acme, budget) == ("0.00", "6.00", "4.00")
    assert task_row(acme, claim).status == "running"
    check_books(acme)
