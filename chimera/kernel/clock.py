"""Time comes from here, and nowhere else, so that tests can hold it still."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_held: datetime | None = None
_ahead = timedelta()


def now() -> datetime:
    """The present as an aware UTC time; what `held` says, inside it."""
    return _held or datetime.now(UTC) + _ahead


def run_ahead(by: timedelta) -> None:
    """This process's clock (all threads) goes on, `by` ahead of the machine's. For drills, which have no year to wait.

    It leaps forward only: going back would give out ids and windows of a time that is over.
    """
    global _ahead
    if by < _ahead:
        raise ValueError("a clock that runs ahead does not go back")
    _ahead = by


def written(at: datetime) -> str:
    """As the API writes every moment: 2026-03-01T08:00:00Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@contextmanager
def held(at: datetime) -> Iterator[None]:
    """Hold the clock of this process (all threads) at `at`, which must be aware."""
    global _held
    if at.tzinfo is None:
        raise ValueError("a held clock needs an aware time")
    before, _held = _held, at.astimezone(UTC)
    try:
        yield
    finally:
        _held = before


def day_in(zone: str, at: datetime | None = None) -> date:
    """The calendar day of `at` (default now) in an IANA time zone."""
    return (at or now()).astimezone(ZoneInfo(zone)).date()


def day_bounds(zone: str, day: date) -> tuple[datetime, datetime]:
    """First instant of `day` and of the next one in `zone`, in UTC; 23 to 25 hours apart where clocks change."""
    tz = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=tz)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=tz)
    return start.astimezone(UTC), end.astimezone(UTC)


def month_bounds(zone: str, day: date) -> tuple[datetime, datetime]:
    """First instant of the month of `day` and of the next month in `zone`, in UTC."""
    tz = ZoneInfo(zone)
    after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    start = datetime(day.year, day.month, 1, tzinfo=tz)
    return start.astimezone(UTC), datetime(after.year, after.month, 1, tzinfo=tz).astimezone(UTC)
