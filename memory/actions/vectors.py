"""Vectors: made by the memory lane after a memory is kept, and again when the model changes.

An embedder may take seconds, so nothing here runs inside a caller's transaction: read, embed, write, each on its own.
Any step may be repeated; the same text and model give the same vector.
"""

from uuid import UUID

import structlog
from django.db import transaction

from chimera.kernel import tenancy
from chimera.kernel.eventlog import Recorded
from memory.embedders import EmbedderAway, Vector, embedder
from memory.limits import EMBED_BATCH
from memory.models import MemoryRecord

log = structlog.get_logger()
FAULTS_MAX = 3  # refused texts in one go; more of them mean that the embedder is away


def embed(event: Recorded) -> None:
    """Reaction to MemoryAdded. Raises EmbedderAway; the lane tries again, and parks the event in the end."""
    embed_one(tenant_id=event.tenant_id, memory_id=event.fact().aggregate_id)


def embed_one(*, tenant_id: UUID, memory_id: UUID) -> bool:
    """Give a memory its vector of the present model. False when it has it, is forgotten or gone."""
    if not transaction.get_autocommit():
        raise RuntimeError("an embedder waits; call this outside transactions")
    chosen = embedder()
    with tenancy.bound(tenant_id):
        content = (
            MemoryRecord.objects.unembedded(chosen.model).filter(pk=memory_id).values_list("content", flat=True).first()
        )
    if content is None:
        return False
    (vector,) = chosen.embed([content])
    with tenancy.bound(tenant_id):
        return _keep(memory_id, vector, chosen.model)


def embed_waiting(*, limit: int = EMBED_BATCH) -> int:
    """Embed memories of any tenant that have no vector of the present model, the oldest first; answers how many.

    For housekeeping: after a change of the model, and for what the lane parked while the embedder was away. One text that
    the embedder refuses does not keep the others waiting; after FAULTS_MAX of them EmbedderAway is raised.
    """
    with tenancy.system():
        waiting = MemoryRecord.objects.unembedded(embedder().model).order_by("pk").values_list("tenant_id", "pk")
        found = list(waiting[:limit])
    embedded = faults = 0
    for tenant_id, memory_id in found:
        try:
            embedded += embed_one(tenant_id=tenant_id, memory_id=memory_id)
        except EmbedderAway as away:
            log.warning("memory_not_embedded", memory=str(memory_id), error=str(away))
            faults += 1
            if faults == FAULTS_MAX:
                raise
    return embedded


def _keep(memory_id: UUID, vector: Vector, model: str) -> bool:
    """Not when it was forgotten meanwhile. Tells nothing: what is known has not changed."""
    return MemoryRecord.objects.kept().filter(pk=memory_id).update(embedding=vector, embedding_model=model) == 1
