"""Keeping the index up with the memories: what waits is written to it, batch by batch, by whoever leads the lane.

Everything that writes to the index does so under one lock, from rows that were read under it: what is written later was
read later, so no older text ever replaces a newer one. A batch is read, written, and taken off the list in one
transaction. If the process dies

* before the batch is sent, or the index is away: it is still on the list;
* after it was sent: it is still on the list, and written again, the same ids over the same;
* after the commit: it is done.

A mark with a number goes into the index with each batch, and the same number into PostgreSQL. An index that was wiped, or
set back to a backup of its own, has another number, and is made anew from PostgreSQL (memory.actions.generations).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import F, Q

from chimera.kernel import clock, tenancy
from memory.limits import INDEX_ATTEMPTS_MAX, INDEX_BATCH
from memory.models import Generation, Unindexed
from memory.stores.weaviate import collections, filters, objects
from memory.stores.weaviate.schema import ALIAS
from memory.stores.weaviate.wire import IndexAway, UnknownTenant, wire

log = structlog.get_logger()
AGAIN = timedelta(seconds=2)  # a refused memory is tried again; each time after four times as long
PARKED_AGAIN = timedelta(hours=1)  # what it refuses for long may be its own fault, such as a full disk
LOCK = "memory-index"
_NOTE_REST = """
    INSERT INTO memory_unindexed (tenant_id, memory_id)
    SELECT r.tenant_id, r.id FROM memory_memoryrecord r WHERE r.tenant_id = ANY(%s::uuid[]) AND r.forgotten_at IS NULL
        AND NOT EXISTS (SELECT FROM memory_unindexed u WHERE u.tenant_id = r.tenant_id AND u.memory_id = r.id)
"""


class Busy(Exception):
    """Somebody else is writing to the index."""


@contextmanager
def writing() -> Iterator[None]:
    """A transaction of chimera_system in which nobody else writes to the index. Raises Busy, and never waits."""
    with tenancy.system():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [LOCK])
            if not cursor.fetchone()[0]:
                raise Busy
        yield


def push_waiting() -> bool:
    """Write one batch of what waits; False when nothing does. Raises IndexAway, and nothing is lost."""
    with writing():
        due = Q(due_at__isnull=True) | Q(due_at__lte=clock.now())
        waiting = list(Unindexed.objects.filter(due).order_by("pk")[:INDEX_BATCH])
        generations = list(Generation.objects.all())
        if not waiting or not generations:
            return False
        tenants = {row.memory_id: row.tenant_id for row in waiting}
        if _note_lost(generations, set(tenants.values())):
            return True
        refused = write(tenants, generations)
        Unindexed.objects.filter(pk__in=[row.pk for row in waiting if row.memory_id not in refused]).delete()
        for memory_id, why in refused.items():
            _put_off([row for row in waiting if row.memory_id == memory_id], why)
    return True


def _note_lost(generations: list[Generation], tenants: set[UUID]) -> bool:
    """Put all that they have on the list where a serving index does not know them; False when it is there already, as of a new tenant.

    That is committed before the index hears their names: with the next memory alone it would pass for whole, and be believed.
    """
    names = sorted(str(tenant_id) for tenant_id in tenants)
    serving = [generation.collection for generation in generations if generation.serving_since]
    strange = sorted({name for collection in serving for name in collections.absent(collection, names)})
    if not strange:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_REST, [strange])
        noted = cursor.rowcount
    if noted:
        log.warning("index_lost_tenants", tenants=strange, memories=noted)
    return bool(noted)


def write(tenants: dict[UUID, UUID], generations: list[Generation]) -> dict[UUID, str]:
    """Bring these memories ({id: tenant}) to the index as they are now: written, or deleted where they are forgotten or gone.

    Answers which of them it refused, and why. Inside `writing`.
    """
    rows = objects.rows(tenants)
    gone = _by_tenant(set(tenants) - {row.pk for row in rows}, tenants)
    refused: dict[UUID, str] = {}
    for generation in generations:
        if not generation.mark:
            collections.ensure(generation.collection)  # a row first, a collection when it hears of something
        for tenant_id, ids in gone.items():
            refused |= _delete(generation.collection, tenant_id, ids)
        refused |= _put(generation, rows)
        Generation.objects.filter(pk=generation.pk).update(mark=F("mark") + 1)
        generation.mark += 1
    return refused


def note(tenants: dict[UUID, UUID], refused: dict[UUID, str]) -> None:
    """Put on the list what was refused while nobody had it there."""
    now = clock.now()
    Unindexed.objects.bulk_create(
        Unindexed(tenant_id=tenants[key], memory_id=key, attempts=1, refusal=why[:500], due_at=now + AGAIN)
        for key, why in refused.items()
    )


def _put(generation: Generation, rows: list[Any]) -> dict[UUID, str]:
    collection = generation.collection
    collections.ensure_tenants(collection, [objects.MARK_TENANT, *{str(row.tenant_id) for row in rows}])
    made = [objects.made_of(row, collection=collection) for row in rows]
    refused = wire().push([*made, objects.mark(generation.mark + 1, collection=collection)])
    if any("not found" in why for why in refused.values()):
        collections.forget(collection)  # it was taken away behind our back
        raise IndexAway(next(iter(refused.values())))
    if objects.MARK_ID in refused:
        raise IndexAway(refused[objects.MARK_ID])  # no fault of a memory: it takes nothing at all
    return refused


def _delete(collection: str, tenant_id: UUID, ids: list[UUID]) -> dict[UUID, str]:
    try:
        failed = wire().drop(collection=collection, tenant=str(tenant_id), filters=filters.of_ids(ids))
    except UnknownTenant:
        return {}
    return dict.fromkeys(ids, f"{failed} of {len(ids)} could not be deleted") if failed else {}


def _by_tenant(ids: Iterable[UUID], tenants: dict[UUID, UUID]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for key in ids:
        found[tenants[key]].append(key)
    return found


def _put_off(rows: list[Unindexed], why: str) -> None:
    attempts = max(row.attempts for row in rows) + 1
    parked = attempts >= INDEX_ATTEMPTS_MAX
    due = clock.now() + (PARKED_AGAIN if parked else AGAIN * 4 ** (attempts - 1))
    Unindexed.objects.filter(pk__in=[row.pk for row in rows]).update(
        attempts=min(attempts, 30_000), refusal=why[:500], due_at=due
    )
    if attempts == INDEX_ATTEMPTS_MAX:
        log.error("memory_not_indexed", memory=str(rows[0].memory_id), index=ALIAS, why=why, attempts=attempts)
