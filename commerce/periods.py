"""The calendar of windows: which day, month and total a moment belongs to, in the tenant's time zone."""

from dataclasses import dataclass
from datetime import date, datetime

from chimera.kernel import clock
from commerce.states import WindowKind

KINDS = (WindowKind.DAY, WindowKind.MONTH, WindowKind.TOTAL)  # those that are kept as rows


@dataclass(frozen=True, slots=True)
class Period:
    """`starts_on` is its key in the calendar; the bounds are UTC, the end exclusive.

    The total has none of them.
    """

    kind: WindowKind
    starts_on: date | None
    starts_at: datetime | None
    ends_at: datetime | None


def periods_at(at: datetime, time_zone: str) -> tuple[Period, ...]:
    """The day, the month and the total that `at` belongs to in an IANA time zone, in the order of KINDS."""
    day = clock.day_in(time_zone, at)
    return (
        Period(WindowKind.DAY, day, *clock.day_bounds(time_zone, day)),
        Period(WindowKind.MONTH, day.replace(day=1), *clock.month_bounds(time_zone, day)),
        Period(WindowKind.TOTAL, None, None, None),
    )
