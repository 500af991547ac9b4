"""The forecast: what was used so far, at the same rate until the end; said with what it rests on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from chimera.kernel import clock
from commerce.forecast import Forecast, forecasts
from commerce.limits import Limit
from commerce.periods import periods_at
from commerce.states import WindowKind
from tests.cast import Stage
from tests.commerce.books import at_work

SPRING = datetime(2026, 3, 29, tzinfo=UTC)  # Lisbon's day of 23 hours, from midnight UTC


def day(at: datetime, used: str, limit: str | None = None) -> Forecast | None:
    periods = periods_at(at, "Europe/Lisbon")
    limits = [Limit(uuid4(), p.kind, Decimal(limit) if limit else None, Decimal(used)) for p in periods]
    return next((f for f in forecasts(limits, periods, at) if f.window == WindowKind.DAY), None)


def test_half_of_a_day_foretells_twice_as_much() -> None:
    found = day(SPRING + timedelta(days=1, hours=11), "3")  # midnight was an hour before that of UTC
    assert found is not None
    assert (found.projected_usd, found.elapsed, found.whole) == (Decimal(6), timedelta(hours=12), timedelta(hours=24))


def test_a_short_day_is_foretold_by_its_own_length() -> None:
    found = day(SPRING + timedelta(hours=11, minutes=30), "3")
    assert found is not None
    assert (found.projected_usd, found.whole) == (Decimal(6), timedelta(hours=23))


def test_the_first_hour_foretells_nothing() -> None:
    assert day(SPRING + timedelta(days=1, minutes=-1), "3") is None  # of the day that began an hour ago, minus a minute
    assert day(SPRING + timedelta(days=1), "3") is not None


@pytest.mark.parametrize(
    ("used", "limit", "hours"),
    [("3", "4", 16), ("3", "6", None), ("3", "3", None), ("0", "4", None), ("3", None, None)],
)
def test_it_says_when_the_limit_is_reached_if_it_is(used: str, limit: str | None, hours: int | None) -> None:
    midnight = SPRING + timedelta(hours=23)
    found = day(midnight + timedelta(hours=12), used, limit)
    assert found is not None
    assert found.limit_reached_at == (midnight + timedelta(hours=hours) if hours else None)


def test_usage_shows_it_with_its_basis(acme: Stage) -> None:
    midnight, _ = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    budget = acme.budget(day_usd="10")
    with clock.held(midnight + timedelta(hours=6)):
        acme.ada.spend(at_work(acme), "3").ok(201)

        def shown() -> dict[str, Any]:
            found = acme.anna.get(f"budgets/{budget['id']}/usage").ok()["forecasts"]
            return next(f for f in found if f["window"] == "day")

        said = shown()
    assert (said["used_usd"], said["projected_usd"], said["elapsed_seconds"]) == ("3.00", "12.00", 6 * 3600)
    assert said["whole_seconds"] == 24 * 3600
    assert datetime.fromisoformat(said["limit_reached_at"]) == midnight + timedelta(hours=20)
