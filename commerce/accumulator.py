"""The outside world of money: each tenant's spend of today in Redis, in micro-dollars, for dashboards.

A mirror of absolute values that never decides: each write repeats the whole sum out of the ledger, so doubled, late and
lost writes do no harm. It is paced by the clock and not by the facts: a sum over a day for every spend of that day would
be quadratic work.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Min

from chimera.kernel import clock, eventlog, redis, tenancy
from chimera.kernel.eventlog import Position
from chimera.kernel.relay import direct
from commerce import events
from commerce.models import SpendWindow, Transaction
from commerce.states import WindowKind

TTL_SECONDS = 24 * 3600  # after the last write
BATCHES_MAX = 20  # of RELAY_BATCH facts; who is further behind writes every day anew instead
MICRO = Decimal(1_000_000)
CHANGING = frozenset(
    fact.full_type()
    for fact in (
        events.HoldPlaced,
        events.SpendDenied,
        events.SpendReviewRequested,
        events.SpendApproved,
        events.HoldCaptured,
        events.HoldVoided,
        events.HoldExpired,
    )
)


@dataclass(frozen=True, slots=True)
class Day:
    """A tenant's calendar day; the bounds come from the windows that were spent from in it."""

    tenant_id: UUID
    starts_on: date
    starts_at: datetime
    ends_at: datetime


class Mirror:
    """Follows the log from where this process last read it; one that just began, or finds another Redis than it
    knew, writes every day anew. So nothing is lost with a process, or when another takes over the clock."""

    def __init__(self) -> None:
        self._read: Position | None = None
        self._epoch: str | None = None

    def write(self) -> int:
        """The clock's step: sum each day whose money moved since the last one, once. Answers how many days it wrote.

        Raises Away while Redis cannot be reached; the next step then does the same again.
        """
        with redis.hint() as client:
            epoch = str(client.get(redis.EPOCH) or "")
        with tenancy.system():
            news = _moved_since(self._read) if self._read and epoch == self._epoch else None
            read, windows = news or (eventlog.last_settled(), _kept())
            sums = _sums(_days(windows))
        if sums:
            _write(sums)
        self._read, self._epoch = read, epoch
        return len(sums)


def _moved_since(position: Position) -> tuple[Position, Any] | None:
    """Where the log ends now, and the windows whose money moved on the way there; None when that is too far."""
    most = BATCHES_MAX * settings.RELAY_BATCH
    asked = {"xid": str(position.xid), "seq": str(position.seq), "types": sorted(CHANGING), "most": most}
    ((facts, xid, seq, touched),) = direct.ask(_MOVED, asked)
    if facts >= most:
        return None
    windows = SpendWindow.objects.filter(pk__in=_windows(set(touched)), kind=WindowKind.DAY)
    return Position(xid, seq), windows


# Most facts are of no money: they are gone through where they lie.
_MOVED = f"""
    WITH ahead AS MATERIALIZED (
        SELECT xid, seq, type, aggregate_id FROM kernel_event
        WHERE (xid, seq) > (%(xid)s::bigint, %(seq)s::bigint) ORDER BY xid, seq LIMIT %(most)s::int
    ), settled AS MATERIALIZED (
        SELECT a.* FROM ahead a CROSS JOIN kernel_xidbase b WHERE a.xid < b.base + {eventlog.SETTLED_BELOW}
    ), last AS (SELECT xid, seq FROM settled ORDER BY xid DESC, seq DESC LIMIT 1)
    SELECT (SELECT count(*) FROM ahead),
           coalesce((SELECT xid FROM last), %(xid)s::bigint), coalesce((SELECT seq FROM last), %(seq)s::bigint),
           ARRAY(SELECT DISTINCT aggregate_id FROM settled WHERE type = ANY(%(types)s::text[]))
"""


def _windows(transaction_ids: set[UUID]) -> set[UUID]:
    if not transaction_ids:
        return set()
    rows = Transaction.objects.filter(pk__in=transaction_ids).values_list("windows", flat=True)
    return {window for windows in rows for window in windows}


def _kept() -> Any:
    """Every day that Redis may still hold: what is settled after midnight moves the day before."""
    return SpendWindow.objects.filter(kind=WindowKind.DAY, ends_at__gt=clock.now() - timedelta(seconds=TTL_SECONDS))


def _days(windows: Any) -> list[Day]:
    """One day per tenant and date, though several budgets have a window in it."""
    grouped = windows.order_by().values("tenant_id", "starts_on").annotate(first=Min("starts_at"), last=Max("ends_at"))
    return [Day(row["tenant_id"], row["starts_on"], row["first"], row["last"]) for row in grouped]


def _sums(days: Iterable[Day]) -> dict[str, int]:
    """Redis key → micro-dollars held, in review and captured, of what was asked for in that day."""
    found = {}
    for day in days:
        spent = Transaction.objects.filter(tenant_id=day.tenant_id).created_between(day.starts_at, day.ends_at).spent()
        found[redis.spend(day.tenant_id, day.starts_on)] = int(spent * MICRO)
    return found


def _write(sums: Mapping[str, int]) -> None:
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        for key, micro_usd in sums.items():
            pipe.set(key, micro_usd, ex=TTL_SECONDS)
        pipe.execute()
