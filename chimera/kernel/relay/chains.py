"""Which fact of a session came before: remembered from one batch to the next, and asked of PostgreSQL where it is not."""

from uuid import UUID

from chimera.kernel.eventlog import START, Position, Recorded
from chimera.kernel.relay import direct
from chimera.kernel.relay.cursor import Batch

SESSIONS_MAX = 10_000  # remembered; some 2 MB

_BEFORE = """
    SELECT f.session_id, p.xid, p.seq
    FROM unnest(%(sessions)s::uuid[], %(xids)s::bigint[], %(seqs)s::bigint[]) AS f(session_id, xid, seq)
    CROSS JOIN LATERAL (
        SELECT e.xid, e.seq FROM kernel_event e
        WHERE e.session_id = f.session_id AND (e.xid, e.seq) < (f.xid, f.seq)
        ORDER BY e.session_id DESC, e.xid DESC, e.seq DESC LIMIT 1
    ) p
"""


class Chains:
    """Of a reader of all facts. What it remembers holds as long as each batch begins where the one before ended."""

    def __init__(self) -> None:
        self._last: dict[UUID, Position] = {}
        self._end: Position | None = None

    def before(self, batch: Batch) -> dict[UUID, Position]:
        """For each session of the batch the position of its last fact before it; START where there is none."""
        if batch.begin != self._end:
            self._last.clear()
        firsts = _firsts(batch.events)
        unknown = {session: first for session, first in firsts.items() if session not in self._last}
        asked = positions_before(unknown)
        return {session: self._last.get(session) or asked[session] for session in firsts}

    def follow(self, batch: Batch) -> None:
        """The batch is done, and the next one begins at its end."""
        for event in batch.events:
            if event.session_id:
                self._last.pop(event.session_id, None)  # the latest comes last
                self._last[event.session_id] = event.position
        while len(self._last) > SESSIONS_MAX:
            del self._last[next(iter(self._last))]
        self._end = batch.end


def positions_before(firsts: dict[UUID, Position]) -> dict[UUID, Position]:
    """For each session the position of its last fact before the given one; START where there is none."""
    if not firsts:
        return {}
    asked = {"sessions": list(firsts), "xids": _texts(firsts, "xid"), "seqs": _texts(firsts, "seq")}
    found = {session: Position(xid, seq) for session, xid, seq in direct.ask(_BEFORE, asked)}
    return {session: found.get(session, START) for session in firsts}


def _texts(firsts: dict[UUID, Position], part: str) -> list[str]:
    return [str(getattr(position, part)) for position in firsts.values()]


def _firsts(events: list[Recorded]) -> dict[UUID, Position]:
    firsts: dict[UUID, Position] = {}
    for event in events:
        if event.session_id:
            firsts.setdefault(event.session_id, event.position)
    return firsts
