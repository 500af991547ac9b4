"""What `memory status` says of vectors: which model makes them, how far it has come, and which texts it refuses."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count

from memory.embedders import embedder
from memory.models import MemoryRecord

REFUSED_SHOWN_MAX = 20


def lines() -> Iterator[str]:
    """In a transaction of chimera_system. Asks no embedder."""
    present = embedder().model
    counted = MemoryRecord.objects.kept().values_list("embedding_model").annotate(number=Count("pk"))
    held = dict(counted.order_by("embedding_model"))
    total = sum(held.values())
    done = held.pop(present, 0)
    yield f"embedded by {present}: {done:,} of {total:,}"
    for model, number in held.items():
        yield f"  by {model}, to be embedded again: {number:,}" if model else f"  by none yet: {number:,}"
    yield from _refused(present)


def _refused(present: str) -> Iterator[str]:
    refused = MemoryRecord.objects.kept().filter(embedding_fault__model=present).order_by("pk")
    rows: list[Any] = list(
        refused.values_list("pk", "tenant_id", "embedding_fault", "embed_again_at")[: REFUSED_SHOWN_MAX + 1]
    )
    for memory_id, tenant_id, fault, again_at in rows[:REFUSED_SHOWN_MAX]:
        said = f"  refused {fault['tries']} times: memory {memory_id} of tenant {tenant_id}: {fault['reason']}"
        yield f"{said}; again after {again_at:%Y-%m-%d %H:%M} UTC"
    if len(rows) > REFUSED_SHOWN_MAX:
        yield "  and more"
