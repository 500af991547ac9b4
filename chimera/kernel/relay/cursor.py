"""Where a lane stands in the log. Moved only by compare-and-set, which is the fence between two relays.

One statement tells all that a step needs to know: where the lane stands, what is settled after that, whether more stands
behind a running writer, and whether a parked event is to be retried. Another does the same right after a move.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from chimera.kernel import clock, eventlog
from chimera.kernel.eventlog import Position, Recorded
from chimera.kernel.relay import direct
from chimera.kernel.relay.tables import Lane

LOOK_MAX = 5_000  # facts that one look of a lane goes through in search of those of its types


class Fenced(Exception):
    """Somebody else moved this lane's cursor: we lead no longer, and drop what we were about to record."""


@dataclass(frozen=True, slots=True)
class Looked:
    """While the cursor is `at`, whatever is settled between that and `upto` is none of the lane's, or done."""

    at: Position
    upto: Position


@dataclass(frozen=True, slots=True)
class Batch:
    """What follows a lane's cursor: settled facts of its types in order."""

    start: Position  # the cursor
    begin: Position  # from here on it was looked: the cursor, or up to where that was done before
    events: list[Recorded]
    end: Position  # everything settled up to here was looked at
    is_cut: bool  # more may stand behind `end` that is settled already
    unsettled: list[Recorded]  # of its types, committed behind a running writer; they come again when it has ended
    retrying: bool  # a parked event is to be tried again

    @property
    def withheld(self) -> bool:
        return bool(self.unsettled)


def next_batch(lane: str, *, types: Sequence[str] | None = None, looked: Looked | None = None) -> Batch:
    """What follows the cursor; a lane that is new begins at the start of the log."""
    params = _params(lane, types, looked)
    rows = direct.ask(_READ, params)
    if not rows:
        direct.ask(_NEW, {"lane": lane, "now": clock.now()})
        rows = direct.ask(_READ, params)
    return _batch(rows)


def move(lane: str, *, frm: Position, to: Position) -> None:
    """Move the cursor in a transaction of its own; raises Fenced if it is not at `frm` any more.

    This and `move_on` do not wait for the disk: after a crash of PostgreSQL a lane may stand a moment further back, and
    repeats what it did, as after a crash of its own.
    """
    if not direct.ask(_MOVE, {"lane": lane} | _positions(frm, to)):
        raise Fenced(lane)


def move_on(lane: str, *, frm: Position, to: Position, types: Sequence[str] | None = None) -> Batch:
    """`move`, and in the same statement what follows then. A write: `next_batch` with what was `looked` at costs a third."""
    rows = direct.ask(_MOVE_ON, _params(lane, types, None) | _positions(frm, to))
    if not rows:
        raise Fenced(lane)
    return _batch(rows)


def advance(lane: str, *, frm: Position, to: Position) -> None:
    """Move the cursor as part of the present transaction of chimera_system; raises Fenced if it is not at `frm` any more."""
    at_ours = Lane.objects.filter(pk=lane, xid=frm.xid, seq=frm.seq)
    if at_ours.update(xid=to.xid, seq=to.seq, advanced_at=clock.now()) != 1:
        raise Fenced(lane)


def _params(lane: str, types: Sequence[str] | None, looked: Looked | None) -> dict[str, Any]:
    at, upto = (looked.at, looked.upto) if looked else (eventlog.START, eventlog.START)
    return {
        "lane": lane,
        "types": types,
        "look": settings.RELAY_BATCH if types is None else LOOK_MAX,
        "most": settings.RELAY_BATCH,
        "at_xid": str(at.xid),
        "at_seq": str(at.seq),
        "upto_xid": str(upto.xid),
        "upto_seq": str(upto.seq),
    }


def _positions(frm: Position, to: Position) -> dict[str, Any]:
    moved = {"frm_xid": frm.xid, "frm_seq": frm.seq, "to_xid": to.xid, "to_seq": to.seq}
    return {name: str(number) for name, number in moved.items()} | {"now": clock.now()}


def _batch(rows: list[direct.Row]) -> Batch:
    horizon, retrying, is_cut = rows[0][6:9]
    start, begin, end = Position(*rows[0][:2]), Position(*rows[0][2:4]), Position(*rows[0][4:6])
    found = [eventlog.recorded(row[9:]) for row in rows if row[9] is not None]
    events = [event for event in found if event.position.xid < horizon]
    unsettled = found[len(events) :]
    if len(found) == settings.RELAY_BATCH:  # of those that were looked at, some may have been left out
        is_cut, end = True, events[-1].position if events else begin
    return Batch(
        start=start,
        begin=begin,
        events=events,
        end=end,
        is_cut=is_cut and end > begin,
        unsettled=unsettled,
        retrying=retrying,
    )


# Numbers are sent as text, so that their size does not make another statement of it.
_AT = "l.xid = %(at_xid)s::bigint AND l.seq = %(at_seq)s::bigint"
_HERE = f"""
    SELECT l.xid, l.seq, b.base + {eventlog.SETTLED_BELOW} AS horizon,
           CASE WHEN {_AT} THEN %(upto_xid)s::bigint ELSE l.xid END AS from_xid,
           CASE WHEN {_AT} THEN %(upto_seq)s::bigint ELSE l.seq END AS from_seq
"""
_LANE = f"{_HERE} FROM kernel_lane l CROSS JOIN kernel_xidbase b WHERE l.name = %(lane)s"
_MOVE = """
    UPDATE kernel_lane SET xid = %(to_xid)s::bigint, seq = %(to_seq)s::bigint, advanced_at = %(now)s
    FROM (SELECT set_config('synchronous_commit', 'off', true) AS commit OFFSET 0) o
    WHERE o.commit = 'off' AND name = %(lane)s AND xid = %(frm_xid)s::bigint AND seq = %(frm_seq)s::bigint
    RETURNING xid, seq
"""
_LOOK = f"""
    ahead AS MATERIALIZED (
        SELECT e.* FROM here CROSS JOIN LATERAL (
            SELECT {eventlog.COLUMNS} FROM kernel_event
            WHERE (kernel_event.xid, kernel_event.seq) > (here.from_xid, here.from_seq)
            ORDER BY xid, seq LIMIT %(look)s::int
        ) e
    )
    SELECT here.xid, here.seq, here.from_xid, here.from_seq,
           coalesce(last.xid, here.from_xid), coalesce(last.seq, here.from_seq), here.horizon,
           EXISTS (SELECT 1 FROM kernel_parkedevent p WHERE p.lane = %(lane)s AND p.status = 'retrying'),
           (SELECT count(*) FROM ahead) >= %(look)s::int, e.*
    FROM here
    LEFT JOIN LATERAL (
        SELECT xid, seq FROM ahead WHERE xid < here.horizon ORDER BY xid DESC, seq DESC LIMIT 1
    ) last ON true
    LEFT JOIN ahead e ON %(types)s::text[] IS NULL OR e.type = ANY(%(types)s::text[])
    ORDER BY e.xid, e.seq LIMIT %(most)s::int
"""
_READ = f"WITH here AS MATERIALIZED ({_LANE}), {_LOOK}"
_MOVE_ON = f"""
    WITH l AS MATERIALIZED ({_MOVE}), here AS MATERIALIZED ({_HERE} FROM l CROSS JOIN kernel_xidbase b), {_LOOK}
"""
_NEW = """
    INSERT INTO kernel_lane (name, xid, seq, advanced_at) VALUES (%(lane)s, 0, 0, %(now)s)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING name
"""
