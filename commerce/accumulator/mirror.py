"""The mirror's writer: follows the log, and sums each day whose money moved anew."""

from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.kernel import eventlog, redis, tenancy
from chimera.kernel.eventlog import Position
from chimera.kernel.relay import direct
from commerce import events
from commerce.accumulator import days
from commerce.models import SpendWindow, Transaction
from commerce.states import WindowKind

BATCHES_MAX = 20  # of RELAY_BATCH facts; who is further behind writes every day anew instead
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
            read, windows = news or (eventlog.last_settled(), days.kept())
            sums = days.sums(days.of(windows))
        if sums:
            days.write(sums)
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
