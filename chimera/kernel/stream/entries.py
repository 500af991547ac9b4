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
# To stream KEYS[1], kept for ARGV[2] seconds at about ARGV[1] entries, the events ARGV[4..]: id, JSON, id, JSON, …; the first
# follows ARGV[3].
_APPEND = """
local prev = ARGV[3]
for i = 4, #ARGV, 2 do
  local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[i], 'event', ARGV[i + 1], 'prev', prev)
  if type(added) == 'table' and added.err and not string.find(added.err, 'equal or smaller than', 1, true) then
    return added
  end
  prev = ARGV[i]
end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


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
    """Each event that belongs to a session into its stream, a command per session; `previous` says what came before its first.

    An event whose id, or a later one, is there already is a repetition after a crash, and left out.
    """
    said: dict[UUID, list[str]] = {}
    for event in events:
        if event.session_id:
            said.setdefault(event.session_id, []).extend((str(event.position), event.text()))
    for session_id, entries in said.items():
        first = str(previous.get(session_id, START))
        pipe.eval(
            _APPEND, 1, redis.stream(session_id), str(settings.STREAM_EVENTS_MAX), str(KEPT_SECONDS), first, *entries
        )


def _as_frame(event: str) -> str:
    return '{"kind":"event",' + event[1:]
