"""The moments that are hard for budgets, in a time zone, soon after a given time: they are crossed with the clock ahead."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from chimera.kernel import clock

ORDINARY = timedelta(hours=24)
YEAR = 366  # days within which every zone that changes its clocks does so


@dataclass(frozen=True, slots=True)
class Moment:
    """`name` says what is hard about it."""

    name: str
    at: datetime


def hard_moments(zone: str, after: datetime) -> list[Moment]:
    """An ordinary midnight, a change of the clocks, the end of that shorter or longer day, and the end of a month, as they
    come. None of them is today, so that a clock need not go back for it. ValueError where clocks are never changed."""
    today = clock.day_in(zone, after)
    days = [today + timedelta(days=number) for number in range(1, YEAR)]
    changing = next((day for day in days if length(zone, day) != ORDINARY), None)
    if changing is None:
        raise ValueError(f"clocks are never changed in {zone}")
    hours = length(zone, changing) // timedelta(hours=1)
    end_of_change = clock.day_bounds(zone, changing)[1]
    found = [
        Moment("the clocks change", _change(zone, changing)),
        Moment(f"the end of the day of {hours} hours", end_of_change),
    ]
    taken = {moment.at for moment in found}  # some zones change their clocks at midnight
    midnights = [(day, end) for day in days if (end := clock.day_bounds(zone, day)[1]) not in taken]
    found.append(Moment("midnight", next(end for day, end in midnights if not _ends_month(day))))
    found.append(Moment("the end of a month", next(end for day, end in midnights if _ends_month(day))))
    return sorted(found, key=lambda moment: moment.at)


def length(zone: str, day: date) -> timedelta:
    start, end = clock.day_bounds(zone, day)
    return end - start


def _ends_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _change(zone: str, day: date) -> datetime:
    """The first instant of the other offset, to the second; it may be the first of the day."""
    start, end = clock.day_bounds(zone, day)
    tz = ZoneInfo(zone)
    low, high = int(start.timestamp()) - 1, int(end.timestamp())
    before = datetime.fromtimestamp(low, tz).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        same = datetime.fromtimestamp(middle, tz).utcoffset() == before
        low, high = (middle, high) if same else (low, middle)
    return datetime.fromtimestamp(high, UTC)
