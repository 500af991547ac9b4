"""What stands in `chimera:session:{id}:stream`: id = the event's position, fields `event` (its shape as JSON) and `prev`.

`prev` is the position of the session's event before this one. Streams forget (one hour, trimming, FLUSHALL); a reader that
stands elsewhere than `prev` knows by it that it missed something, and rereads PostgreSQL.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.conf import settings

from chimera.kernel import redis
from chimera.kernel.eventlog import START, Position, Recorded

KEPT_SECONDS = 3600  # after its last event; older history comes from PostgreSQL
_REPEATED = "equal or smaller than"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a session's stream; `body` is its shape as JSON text."""

    position: Position
    prev: Position
    body: str

    @classmethod
    def of(cls, stream_id: str, fields: Mapping[str, str]) -> Self:
        return cls(Position.parse(stream_id), Position.parse(fields["prev"]), fields["event"])


def append(events: Sequence[Recorded], previous: Mapping[UUID, Position], pipe: Any) -> None:
    """XADD every event that belongs to a session to its stream; `previous` as `eventlog.previous_positions` gives it."""
    last = dict(previous)
    for event in events:
        if event.session_id is None:
            continue
        fields = {"event": text_of(event), "prev": str(last.get(event.session_id, START))}
        key, position = redis.stream(event.session_id), str(event.position)
        pipe.xadd(key, fields, id=position, maxlen=settings.STREAM_EVENTS_MAX, approximate=True)
        last[event.session_id] = event.position
    for session_id in last:
        pipe.expire(redis.stream(session_id), KEPT_SECONDS)


def text_of(event: Recorded) -> str:
    return json.dumps(event.shape(), separators=(",", ":"), ensure_ascii=False)


def is_repetition(error: Exception) -> bool:
    """Whether an XADD was refused because its id, or a later one, is there already."""
    return _REPEATED in str(error)
