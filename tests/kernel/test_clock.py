"""Time comes from one place, can be held still there, and knows how long a day is."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chimera.kernel import clock


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_held_clock_stands_still_and_goes_on_afterwards() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with clock.held(noon):
        assert clock.now() == noon
        with clock.held(noon + timedelta(hours=1)):
            assert clock.now() == noon + timedelta(hours=1)
        assert clock.now() == noon
    assert clock.now() != noon


def test_a_clock_is_held_in_utc_and_only_at_an_aware_time() -> None:
    lisbon = datetime(2026, 7, 1, 13, tzinfo=clock.ZoneInfo("Europe/Lisbon"))
    with clock.held(lisbon):
        assert clock.now().isoformat() == "2026-07-01T12:00:00+00:00"
    with pytest.raises(ValueError, match="aware"), clock.held(datetime(2026, 7, 1)):  # noqa: DTZ001  (the point)
        pass


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Europe/Lisbon", datetime(2026, 7, 1, 23, 30, tzinfo=UTC), date(2026, 7, 2)),
        ("America/New_York", datetime(2026, 7, 1, 3, 30, tzinfo=UTC), date(2026, 6, 30)),
        ("UTC", datetime(2026, 7, 1, 0, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_the_day_is_the_tenants(zone: str, at: datetime, day: date) -> None:
    assert clock.day_in(zone, at) == day


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Lisbon", date(2026, 3, 29), 23),  # clocks go forward
        ("Europe/Lisbon", date(2026, 10, 25), 25),  # and back
        ("Europe/Lisbon", date(2026, 7, 1), 24),
        ("America/New_York", date(2026, 3, 8), 23),
        ("Asia/Kolkata", date(2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_its_zone_says(zone: str, day: date, hours: int) -> None:
    start, end = clock.day_bounds(zone, day)
    assert end - start == timedelta(hours=hours)
    assert clock.day_in(zone, start) == day
    assert clock.day_in(zone, end - timedelta(microseconds=1)) == day
    assert clock.day_bounds(zone, day + timedelta(days=1))[0] == end


@pytest.mark.parametrize("day", [date(2026, 1, 31), date(2026, 2, 28), date(2028, 2, 29), date(2026, 12, 31)])
def test_a_month_ends_where_the_next_begins(day: date) -> None:
    start, end = clock.month_bounds("Europe/Lisbon", day)
    assert clock.day_in("Europe/Lisbon", start).day == 1
    assert start <= clock.day_bounds("Europe/Lisbon", day)[0] < end
    assert clock.day_in("Europe/Lisbon", end).day == 1
    assert clock.month_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon", end))[0] == end


def test_a_clock_that_runs_ahead_goes_on_and_never_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_ahead", timedelta())
    clock.run_ahead(timedelta(days=100))
    first = clock.now()
    assert abs(first - datetime.now(UTC) - timedelta(days=100)) < timedelta(seconds=5)
    assert clock.now() > first
    with pytest.raises(ValueError, match="does not go back"):
        clock.run_ahead(timedelta(days=99))
