"""The drill knows the hard moments of any year and zone, in the order in which a clock that only goes forward meets them."""

from datetime import UTC, datetime, timedelta

import pytest

from chimera.management.drill.calendar import hard_moments, length
from chimera.management.drill.plan import Plan

YEAR = [datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=days) for days in range(0, 400, 3)]


@pytest.mark.parametrize("zone", ["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "America/Santiago"])
def test_four_moments_come_one_after_the_other_whenever_it_begins(zone: str) -> None:
    for now in YEAR:
        moments = hard_moments(zone, now)
        times = [moment.at for moment in moments]
        assert len(moments) == 4
        assert times == sorted(set(times))
        assert times[0] - now > timedelta(minutes=10)
        assert times[-1] - now < timedelta(days=330), "partitions are made twelve months ahead"


def test_lisbon_after_november_2026() -> None:
    found = {m.name: m.at.isoformat() for m in hard_moments("Europe/Lisbon", datetime(2026, 11, 29, 8, tzinfo=UTC))}
    assert found == {
        "the end of a month": "2026-12-01T00:00:00+00:00",
        "midnight": "2026-12-02T00:00:00+00:00",
        "the clocks change": "2027-03-28T01:00:00+00:00",
        "the end of the day of 23 hours": "2027-03-28T23:00:00+00:00",
    }


def test_a_long_day_that_is_also_the_end_of_its_month_is_crossed_once() -> None:
    """31 October 2027 has 25 hours."""
    moments = hard_moments("Europe/Lisbon", datetime(2027, 10, 1, 8, tzinfo=UTC))
    assert length("Europe/Lisbon", datetime(2027, 10, 31, tzinfo=UTC).date()) == timedelta(hours=25)
    assert [m.name for m in moments] == [
        "midnight",
        "the clocks change",
        "the end of the day of 25 hours",
        "the end of a month",
    ]
    assert moments[1].at.isoformat() == "2027-10-31T01:00:00+00:00"
    assert moments[3].at.isoformat() == "2027-12-01T00:00:00+00:00"


def test_a_zone_whose_clocks_never_change_is_refused() -> None:
    with pytest.raises(ValueError, match="never changed in Asia/Tokyo"):
        hard_moments("Asia/Tokyo", YEAR[0])


def test_what_breaks_comes_in_order_and_leaves_time_after_each_leap() -> None:
    plan = Plan(processes=3, holds=20, seconds=48, naive=False)
    acts = list(plan.acts(YEAR[0]))
    assert [act.second for act in acts] == sorted(act.second for act in acts)
    assert acts[-1].second < plan.seconds
    assert {act.what for act in acts} == {"kill", "flush", "restart", "leap", "switch"}
    leaps = [act for act in acts if act.moment]
    following = {act.second: acts[number + 1].second for number, act in enumerate(acts[:-1])}
    assert all(following[leap.second] > leap.second + plan.step_seconds for leap in leaps)
