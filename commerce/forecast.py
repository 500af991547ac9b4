"""What a day or a month will have used when it ends, if it goes on as so far. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from commerce.limits import PLACES, Limit
from commerce.periods import Period
from commerce.states import WindowKind

EARLIEST = 24  # nothing is foretold in the first 24th of a window: one purchase would be taken for a habit


@dataclass(frozen=True, slots=True)
class Forecast:
    """`projected_usd` = used × whole / elapsed: what is held and captured so far, at the same rate until the end.

    Holds count in full, as they do against the limit; the time of day, weekends and what is planned do not.
    `limit_reached_at` is when that rate meets the limit before the end; None if it does not, or has met it already.
    """

    window: WindowKind
    starts_at: datetime
    used_usd: Decimal
    elapsed: timedelta
    whole: timedelta
    projected_usd: Decimal
    limit_reached_at: datetime | None

    def used_at(self, at: datetime) -> Decimal:
        """What will be used by a time to come, at the same rate."""
        return (self.used_usd * seconds(at - self.starts_at) / seconds(self.elapsed)).quantize(PLACES)

    @property
    def elapsed_seconds(self) -> int:
        return seconds(self.elapsed)

    @property
    def whole_seconds(self) -> int:
        return seconds(self.whole)


def forecasts(limits: Iterable[Limit], periods: Sequence[Period], at: datetime) -> list[Forecast]:
    """Of the day and the month, as far as enough of them is over; the total never ends."""
    by_kind = {limit.window: limit for limit in limits}
    found = (_forecast(by_kind[period.kind], period, at) for period in periods)
    return [forecast for forecast in found if forecast]


def _forecast(limit: Limit, period: Period, at: datetime) -> Forecast | None:
    if period.starts_at is None or period.ends_at is None:
        return None
    elapsed, whole = at - period.starts_at, period.ends_at - period.starts_at
    if elapsed * EARLIEST < whole:
        return None
    used = limit.held_usd + limit.captured_usd
    projected = (used * seconds(whole) / seconds(elapsed)).quantize(PLACES)
    return Forecast(
        limit.window,
        period.starts_at,
        used,
        elapsed,
        whole,
        projected,
        _reached(limit, used, projected, period.starts_at, elapsed),
    )


def _reached(limit: Limit, used: Decimal, projected: Decimal, start: datetime, elapsed: timedelta) -> datetime | None:
    most = limit.limit_usd
    if most is None or not used < most < projected:
        return None
    return start + timedelta(seconds=int(seconds(elapsed) * most / used))


def seconds(length: timedelta) -> int:
    return length.days * 86_400 + length.seconds
