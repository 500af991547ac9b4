"""The mirror's writer: follows the log, and sums each day whose money moved anew."""

from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.kernel import eventlog, redis, tenancy
from chimera.kernel.eventlog import Position
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
    touched: set[UUID] = set()
    for _ in range(BATCHES_MAX):
        batch = eventlog.read(position, limit=settings.RELAY_BATCH)
        touched |= {UUID(event.payload["aggregate_id"]) for event in batch if event.type in CHANGING}
        position = batch[-1].position if batch else position
        if len(batch) < settings.RELAY_BATCH:
            return position, SpendWindow.objects.filter(pk__in=_windows(touched), kind=WindowKind.DAY)
    return None


def _windows(transaction_ids: set[UUID]) -> set[UUID]:
    if not transaction_ids:
        return set()
    rows = Transaction.objects.filter(pk__in=transaction_ids).values_list("windows", flat=True)
    return {window for windows in rows for window in windows}
