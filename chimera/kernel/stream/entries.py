"""What stands in `chimera:session:{id}:stream`: id = the event's position, fields `event` (its JSON) and `prev`.

`prev` is the position of the session's event before this one. Streams forget (one hour, trimming, FLUSHALL); a
reader that stands before `prev` knows by it that it missed something, and rereads PostgreSQL.
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
class Frame:
    """What a viewer is sent: `body` is JSON text, {kind, …}. An event says where its viewer stands then."""

    kind: str  # event | live | gap | ping
    body: str
    position: Position | None = None

    @classmethod
    def of_event(cls, event: Recorded) -> Self:
        return cls("event", _as_frame(event.text()), event.position)

    @classmethod
    def told(cls, kind: str, **more: str | None) -> Self:
        return cls(kind, json.dumps({"kind": kind} | more, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a session's stream; its frame is made once, however many watch."""

    position: Position
    prev: Position
    frame: Frame

    @classmethod
    def of(cls, stream_id: str, fields: Mapping[str, str]) -> Self:
        position = Position.parse(stream_id)
        return cls(position, Position.parse(fields["prev"]), Frame("event", _as_frame(fields["event"]), position))


def append(events: Sequence[Recorded], previous: Mapping[UUID, Position], pipe: Any) -> None:
    """XADD each event that belongs to a session to its stream; `previous` as `eventlog.previous_positions` gives it."""
    last = dict(previous)
    for event in events:
        if event.session_id is None:
            continue
        fields = {"event": event.text(), "prev": str(last.get(event.session_id, START))}
        key, position = redis.stream(event.session_id), str(event.position)
        pipe.xadd(key, fields, id=position, maxlen=settings.STREAM_EVENTS_MAX, approximate=True)
        last[event.session_id] = event.position
    for session_id in last:
        pipe.expire(redis.stream(session_id), KEPT_SECONDS)


def is_repetition(error: Exception) -> bool:
    """Whether an XADD was refused because its id, or a later one, is there already."""
    return _REPEATED in str(error)


def _as_frame(event: str) -> str:
    return '{"kind":"event",' + event[1:]
