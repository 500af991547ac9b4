"""Vectors: made by the memory lane after a memory is kept, and again when the model changes.

An embedder may take seconds, so nothing here runs inside a caller's transaction: read, embed, write, each on its own. The rows say what is
left to do, so any step may be repeated, and a death anywhere costs the batch that was asked for and not yet written:

* before the read, or between it and the answer: nothing has changed;
* between the answer and the write: the texts are asked for once more (an endpoint's answers are cached, memory.embedders.cache);
* in the write: it is one transaction, all of the batch or nothing.

A text that its model refuses keeps its reason in `embedding_fault`, is tried again ever more seldom, and keeps nobody waiting.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from chimera.kernel import clock, tenancy
from chimera.kernel.eventlog import Recorded
from memory.asking import forget_coverage
from memory.embedders import EmbedderAway, TextRefused, Vector, embedder
from memory.limits import EMBED_BATCH, EMBED_RUN_SECONDS, FAULT_PAUSE_SECONDS, FAULT_TRIES_MAX
from memory.models import MemoryRecord, MemoryVector

log = structlog.get_logger()
NEVER = timedelta(days=3_650)  # as good as

_Waiting = list[tuple[UUID, str, Any]]  # id, text, fault

# Tenants that have any such row: one look into the index for each tenant, and one or two for its models.
_TENANTS = """
    WITH RECURSIVE known AS (
        (SELECT tenant_id AS id FROM memory_memoryrecord WHERE forgotten_at IS NULL ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT r.tenant_id FROM memory_memoryrecord r
                WHERE r.forgotten_at IS NULL AND r.tenant_id > known.id ORDER BY r.tenant_id LIMIT 1)
        FROM known WHERE known.id IS NOT NULL
    )
    SELECT id FROM known WHERE id IS NOT NULL AND EXISTS (
        SELECT FROM memory_memoryrecord r WHERE r.tenant_id = known.id AND r.forgotten_at IS NULL AND {condition}
    )
"""
_WITHOUT_ONE = "r.embedding_model = ''"
_OF_ANOTHER = "(r.embedding_model > %(model)s OR (r.embedding_model < %(model)s AND r.embedding_model > ''))"


def embed(event: Recorded) -> None:
    """Reaction to MemoryAdded: its memory, and what else of its tenant waits for a first vector, up to a batch.

    Parks nothing while the embedder is away: the row waits, and housekeeping comes by every minute.
    """
    if event.tenant_id is None:
        return
    try:
        if _lacks(event.tenant_id, event.fact().aggregate_id):
            embed_batch(tenant_id=event.tenant_id, held="")
    except EmbedderAway as away:
        log.warning("memory_not_embedded_yet", memory=str(event.fact().aggregate_id), error=str(away))


def embed_one(*, tenant_id: UUID, memory_id: UUID) -> bool:
    """Ask for a memory's vector of the present model. False when it has it, is forgotten or gone, or its text was refused before and is
    not due again; a refusal now is kept with it (`embedding_fault`)."""
    return _embed(tenant_id, MemoryRecord.objects.filter(pk=memory_id)) == 1


def embed_batch(*, tenant_id: UUID, held: str | None = None) -> int:
    """Up to EMBED_BATCH memories of one tenant, the oldest first; with `held` only those whose vectors are of that model, '' for none.

    Answers how many were asked for, 0 when nothing is left to do. Raises EmbedderAway.
    """
    rows = MemoryRecord.objects.all() if held is None else MemoryRecord.objects.filter(embedding_model=held)
    return _embed(tenant_id, rows)


def embed_waiting(*, seconds: float = EMBED_RUN_SECONDS) -> int:
    """Embed what has no vector of the present model, batch by batch, for about so long; answers how many.

    First what has none at all, of every tenant; then, after a change of the model, tenant by tenant, so that at most one of them has
    vectors of two models at a time. Raises EmbedderAway.
    """
    ends = time.monotonic() + seconds
    done = 0
    for held, condition in (("", _WITHOUT_ONE), (None, _OF_ANOTHER)):
        for tenant_id in _tenants(condition):
            while batch := embed_batch(tenant_id=tenant_id, held=held):
                done += batch
                if time.monotonic() > ends:
                    return done
    return done


def _tenants(condition: str) -> list[UUID]:
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute(_TENANTS.format(condition=condition), {"model": embedder().model})
        return [row[0] for row in cursor.fetchall()]


def _lacks(tenant_id: UUID, memory_id: UUID) -> bool:
    """Whether nobody has embedded it in passing."""
    with tenancy.bound(tenant_id):
        return bool(MemoryRecord.objects.kept().filter(pk=memory_id, embedding_model="").exists())


def _embed(tenant_id: UUID, rows: Any) -> int:
    if not transaction.get_autocommit():
        raise RuntimeError("an embedder waits; call this outside transactions")
    chosen = embedder()
    with tenancy.bound(tenant_id):
        due = rows.filter(tenant_id=tenant_id).unembedded(chosen.model, clock.now()).order_by("pk")
        waiting: _Waiting = list(due.values_list("pk", "content", "embedding_fault")[:EMBED_BATCH])
    if not waiting:
        return 0
    found = chosen.embed_each([text for _, text, _ in waiting], tenant_id=tenant_id)
    with tenancy.bound(tenant_id):
        _locked([memory_id for memory_id, _, _ in waiting])  # refused or not, in one order
        made: dict[UUID, Vector] = {}
        for (memory_id, _, fault), vector in zip(waiting, found, strict=True):
            if isinstance(vector, TextRefused):
                _refused(memory_id, chosen.model, str(vector), fault)
            else:
                made[memory_id] = vector
        keep(made, model=chosen.model)
    forget_coverage()
    return len(waiting)


def keep(made: Mapping[UUID, Vector], *, model: str) -> None:
    """Give memories these vectors in the place of what they have, in a transaction of their tenant; not those that were forgotten
    meanwhile. Tells nothing: what is known has not changed."""
    ids = _locked(list(made))
    MemoryRecord.objects.filter(pk__in=ids).update(embedding_model=model, embedding_fault=None, embed_again_at=None)
    MemoryVector.objects.bulk_create(
        [MemoryVector(memory_id=key, model=model, embedding=made[key]) for key in ids],
        update_conflicts=True,
        unique_fields=["memory"],
        update_fields=["model", "embedding"],
    )


def drop(ids: Sequence[UUID]) -> None:
    """Of memories that are forgotten in the same transaction."""
    MemoryVector.objects.filter(pk__in=ids).delete()


def _locked(ids: Sequence[UUID]) -> list[UUID]:
    """Those that are not forgotten, locked from the oldest on, as by others who lock several: nobody waits in a circle."""
    standing = MemoryRecord.objects.kept().filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    return list(standing.values_list("pk", flat=True))


def _refused(memory_id: UUID, model: str, reason: str, before: Any) -> None:
    tries = before["tries"] + 1 if before and before["model"] == model else 1
    pause = timedelta(seconds=FAULT_PAUSE_SECONDS * 4 ** (tries - 1)) if tries < FAULT_TRIES_MAX else NEVER
    log.warning("memory_not_embedded", memory=str(memory_id), model=model, attempt=tries, error=reason)
    fault = {"model": model, "reason": reason[:300], "tries": tries}
    MemoryRecord.objects.kept().filter(pk=memory_id).update(embedding_fault=fault, embed_again_at=clock.now() + pause)
