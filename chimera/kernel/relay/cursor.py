"""Where a lane stands in the log. Moved only by compare-and-set, which is the fence between two relays."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection

from chimera.kernel import clock, eventlog, tenancy
from chimera.kernel.eventlog import Position, Recorded
from chimera.kernel.relay.tables import Lane


class Fenced(Exception):
    """Somebody else moved this lane's cursor: we lead no longer, and drop what we were about to record."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What follows a lane's cursor: settled facts in order; `withheld`: more stand there, behind a running writer."""

    start: Position
    events: list[Recorded]
    previous: dict[UUID, Position]  # per session: where it stood before its first event here
    withheld: bool

    @property
    def end(self) -> Position:
        return self.events[-1].position if self.events else self.start


def next_batch(lane: str, *, with_previous: bool = False) -> Batch:
    with tenancy.system():
        start = _where(lane)
        events = eventlog.read(start, limit=settings.RELAY_BATCH)
        full = len(events) == settings.RELAY_BATCH
        end = events[-1].position if events else start
        return Batch(
            start=start,
            events=events,
            previous=eventlog.previous_positions(_firsts(events)) if with_previous else {},
            withheld=not full and _anything_after(end),
        )


def advance(lane: str, *, frm: Position, to: Position) -> None:
    """Move the cursor, in the present transaction of chimera_system; raises Fenced if it is not at `frm` any more."""
    at_ours = Lane.objects.filter(pk=lane, xid=frm.xid, seq=frm.seq)
    if at_ours.update(xid=to.xid, seq=to.seq, advanced_at=clock.now()) != 1:
        raise Fenced(lane)


def _where(lane: str) -> Position:
    """A lane that is new begins at the start of the log."""
    found = Lane.objects.filter(pk=lane).first()
    if found is None:
        Lane.objects.bulk_create([Lane(name=lane)], ignore_conflicts=True)
        found = Lane.objects.get(pk=lane)
    return found.position


def _firsts(events: list[Recorded]) -> dict[UUID, Position]:
    firsts: dict[UUID, Position] = {}
    for event in events:
        if event.session_id:
            firsts.setdefault(event.session_id, event.position)
    return firsts


def _anything_after(position: Position) -> bool:
    """Whether rows stand after a position, settled or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM kernel_event WHERE (xid, seq) > (%s, %s))",
            [position.xid, position.seq],
        )
        return bool(cursor.fetchone()[0])
