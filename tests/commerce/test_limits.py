"""Limits and the calendar: pure rules."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from commerce.limits import Limit, tightest
from commerce.periods import periods_at
from commerce.states import MONEY, MoneyStatus, WindowKind

BUDGET = uuid4()
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
EVENING = datetime(2026, 3, 29, 23, tzinfo=UTC)


def limit(
    most: str | None, held: str = "0", captured: str = "0", resets_at: datetime | None = None, budget: UUID = BUDGET
) -> Limit:
    return Limit(budget, WindowKind.DAY, Decimal(most) if most else None, Decimal(held), Decimal(captured), resets_at)


def test_a_limit_permits_up_to_the_last_millionth() -> None:
    last = limit("1.000001", held="0.5", captured="0.5")
    assert last.permits(Decimal("0.000001"))
    assert not last.permits(Decimal("0.000002"))


def test_without_a_limit_everything_passes() -> None:
    assert limit(None, held="1000000").permits(Decimal("1000000000"))


def test_what_remains_below_a_lowered_limit_is_nothing_rather_than_less() -> None:
    assert limit("5", captured="8").remaining_usd == 0


def test_the_tightest_limit_is_the_one_that_leaves_least_and_then_the_one_that_resets_last() -> None:
    assert tightest([limit(None), limit(None)]) is None
    assert tightest([limit("9"), limit(None), limit("3")]) == limit("3")
    assert tightest([limit("3", resets_at=NOON), limit("3", resets_at=EVENING)]) == limit("3", resets_at=EVENING)
    assert tightest([limit("3", resets_at=NOON), limit("3")]) == limit("3")


@pytest.mark.parametrize(
    ("zone", "at", "day", "hours"),
    [
        ("Europe/Lisbon", datetime(2026, 3, 29, 12, tzinfo=UTC), date(2026, 3, 29), 23),
        ("Europe/Lisbon", datetime(2026, 10, 25, 12, tzinfo=UTC), date(2026, 10, 25), 25),
        ("America/New_York", datetime(2026, 1, 1, 4, 59, tzinfo=UTC), date(2025, 12, 31), 24),
        ("Africa/Cairo", datetime(2026, 4, 24, 12, tzinfo=UTC), date(2026, 4, 24), 23),  # its midnight does not exist
        ("Asia/Kathmandu", datetime(2026, 5, 1, 18, 15, tzinfo=UTC), date(2026, 5, 2), 24),
    ],
)
def test_a_day_is_the_tenants_own_also_where_clocks_change(zone: str, at: datetime, day: date, hours: int) -> None:
    found, month, total = periods_at(at, zone)
    assert found.starts_on == day
    assert found.starts_at is not None
    assert found.ends_at is not None
    assert found.starts_at <= at < found.ends_at
    assert (found.ends_at - found.starts_at).total_seconds() == hours * 3600
    assert month.starts_on == day.replace(day=1)
    assert month.starts_at is not None
    assert month.starts_at <= found.starts_at
    assert (total.starts_on, total.starts_at, total.ends_at) == (None, None, None)


@pytest.mark.parametrize("zone", ["Europe/Lisbon", "Africa/Cairo", "America/Havana", "Pacific/Apia", "UTC"])
def test_days_follow_one_another_without_gap_or_overlap(zone: str) -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    day, *_ = periods_at(at, zone)
    for _ in range(370):
        assert day.ends_at is not None
        following, *_ = periods_at(day.ends_at, zone)
        assert following.starts_at == day.ends_at
        day = following


def test_what_is_settled_stays_settled() -> None:
    settled = {MoneyStatus.CAPTURED, MoneyStatus.VOIDED, MoneyStatus.EXPIRED, MoneyStatus.DENIED}
    assert MONEY.ends == settled
    assert not any(MONEY.can(end, other) for end in settled for other in MoneyStatus)
