"""The last hour of a session in Redis: the words of its episodic memories, by their ids.

PostgreSQL says which memories they are, in which order, and who may see them; Redis only spares reading their words, which never change. So
nothing that is forgotten, superseded or somebody else's comes from here, and a Redis that is away, empty or set back costs one read.
What an agent keeps for itself is not put here.
"""

import json
from collections.abc import Collection, Iterable
from uuid import UUID

from chimera.kernel import redis, tenancy
from chimera.kernel.eventlog import Recorded
from memory.limits import CONVERSATION_MAX, RECENT_SECONDS
from memory.models import Category, MemoryRecord, Visibility


def keep(event: Recorded) -> None:
    """Reaction to MemoryAdded: its words stand at the end of its session's list. Read again, they stand there twice, and count once."""
    if event.session_id is None or event.payload["category"] != Category.EPISODIC:
        return
    words = _words_of(event)
    if words is None:
        return
    key = redis.conversation(event.session_id)
    try:
        with redis.hint() as client:
            pipe = client.pipeline()
            pipe.rpush(key, json.dumps([event.payload["aggregate_id"], words], ensure_ascii=False))
            pipe.ltrim(key, -CONVERSATION_MAX, -1)
            pipe.expire(key, RECENT_SECONDS)
            pipe.execute()
    except redis.Away:
        return
    if _words_of(event) is None:
        remove([event.session_id])  # forgotten or erased meanwhile, and whoever did has emptied the list too early


def _words_of(event: Recorded) -> str | None:
    with tenancy.bound(event.tenant_id):
        rows = MemoryRecord.objects.kept().exclude(visibility=Visibility.AGENT)
        found: str | None = rows.filter(pk=event.payload["aggregate_id"]).values_list("content", flat=True).first()
    return found


def drop(event: Recorded) -> None:
    """Reaction to MemoryForgotten and MemorySuperseded: its session's list goes, and what is said from then on fills it."""
    if event.session_id is not None:
        remove([event.session_id])


def words(session_id: UUID) -> dict[UUID, str]:
    """What Redis has of a session, by id. Outside transactions."""
    try:
        with redis.hint() as client:
            found: list[str] = client.lrange(redis.conversation(session_id), 0, -1)  # type: ignore[assignment]
    except redis.Away:
        return {}
    return dict(_read(found))


def remove(session_ids: Collection[UUID]) -> None:
    """Outside transactions; for whoever erases them too."""
    if not session_ids:
        return
    try:
        with redis.hint() as client:
            client.delete(*(redis.conversation(each) for each in session_ids))
    except redis.Away:
        return


def _read(entries: Iterable[str]) -> Iterable[tuple[UUID, str]]:
    for entry in entries:
        try:
            key, words = json.loads(entry)
            yield UUID(key), str(words)
        except (ValueError, TypeError, AttributeError):
            continue
