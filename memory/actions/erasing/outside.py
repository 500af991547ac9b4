"""What an erasure does outside of PostgreSQL. Caches are emptied whole: none of them can say whose words it has.

The index hears of each erased row through the table of what is to be indexed, and takes it from there once it has deleted its own copy.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from chimera.kernel import redis, tenancy
from memory.actions import leftovers
from memory.embedders import cache
from memory.models import ErasureScope, MemoryErasure, MemoryRecord, PersonaVersion, Unindexed

AT_ONCE = 1_000  # keys dropped in one command
Pending = dict[str, str]


def empty(*, tenant_id: UUID, erasure_id: UUID) -> Pending:
    """Empty the caches; answers which stores are not known to be without it yet, and why."""
    with tenancy.bound(tenant_id):
        erasure = MemoryErasure.objects.get(pk=erasure_id)
        sessions = _sessions(erasure)
        personas = _personas(erasure)
    keys = [*map(redis.conversation, sessions), *map(redis.persona, personas)]
    pending = _redis(lambda client: _drop(client, keys))
    pending |= _redis(lambda client: cache.forget_texts(tenant_id))
    return pending | _index(tenant_id)


def _sessions(erasure: MemoryErasure) -> list[UUID]:
    """Whose last hour's conversation may have words of it."""
    if erasure.scope == ErasureScope.SESSION:
        return [UUID(erasure.whose)]
    sessions: Any = MemoryRecord._meta.get_field("session").related_model
    return list(sessions._default_manager.values_list("pk", flat=True))


def _personas(erasure: MemoryErasure) -> list[UUID]:
    if erasure.scope != ErasureScope.TENANT:
        return []
    return list(PersonaVersion.objects.values_list("pk", flat=True))


def _redis(step: Callable[[redis.Client], object]) -> Pending:
    try:
        with redis.hint() as client:
            step(client)
    except redis.Away:
        return {"redis": "Redis is away; what it has of it ends by itself within two hours."}
    return {}


def _drop(client: redis.Client, keys: list[str]) -> None:
    for start in range(0, len(keys), AT_ONCE):
        pipe = client.pipeline(transaction=False)
        for key in keys[start : start + AT_ONCE]:
            pipe.delete(key)
        pipe.execute()


def _index(tenant_id: UUID) -> Pending:
    """Whether all collections of ours have heard. What is noted is looked at first: giving an index up forgets it."""
    with tenancy.bound(tenant_id):
        waiting = _unindexed()
    if waiting:
        return {"index": f"{waiting} changes wait for the index."}
    why = leftovers.standing()
    return {"index": why} if why else {}


def _unindexed() -> int:
    """Changes of memories that are gone, of which the index has not heard."""
    gone = ~Exists(MemoryRecord.objects.filter(pk=OuterRef("memory_id")))
    return Unindexed.objects.filter(gone).count()
