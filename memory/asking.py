"""A query's meaning: by which model it is asked for, and what to say when there is none.

A search compares vectors of one model alone. Usually a tenant has one. While its memories are embedded again it has two: then the one is
asked for that more of them have, if somebody still makes vectors of it, and the answer says which share it covers. What has no vector of
that model is found by its words.
"""

import math
import time
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

import structlog

from chimera.kernel import tenancy
from memory.embedders import EmbedderAway, Vector, embedder, embedder_of
from memory.limits import COVERAGE_SECONDS
from memory.models import MemoryRecord

log = structlog.get_logger()
TENANTS_MAX = 4_096  # whose coverage one process keeps


@dataclass(frozen=True, slots=True)
class Meaning:
    """`fallback` says why there is no vector; '' when there is one, or none was wanted. `covered` is the share of the tenant's kept
    memories that have a vector of `model`, rounded down."""

    vector: Vector | None = None
    model: str = ""
    covered: float = 0.0
    fallback: str = ""


def meaning_of(text: str, *, tenant_id: UUID) -> Meaning:
    """Waits for the embedder: call it outside transactions. Never raises for an embedder's sake."""
    model, covered = serving(tenant_id)
    chosen = embedder_of(model) or embedder()
    try:
        return Meaning(chosen.query(text, tenant_id=tenant_id), chosen.model, covered)
    except EmbedderAway as away:
        log.warning("embedder_away", error=str(away))
        return Meaning(fallback=str(away))


def serving(tenant_id: UUID) -> tuple[str, float]:
    """The model by which a tenant is searched, and the share of its memories that it covers."""
    now, present = time.monotonic(), embedder().model
    key = (tenant_id, present)
    with _keeping:
        until, found = _known.get(key, (0.0, ("", 0.0)))
    if now < until:
        return found
    with tenancy.bound(tenant_id):
        held = MemoryRecord.objects.models_held()
        counted = (
            {model: MemoryRecord.objects.held_by(model) for model in held} if len(held) > 1 else dict.fromkeys(held, 1)
        )
    found = _most(counted, present)
    took = time.monotonic() - now
    with _keeping:
        if len(_known) >= TENANTS_MAX:
            _known.clear()
        _known[key] = (now + max(COVERAGE_SECONDS, 100 * took), found)  # counting takes a hundredth of the time at most
    return found


def forget_coverage() -> None:
    """Look anew: for whoever has just changed it in this process."""
    with _keeping:
        _known.clear()


_known: dict[tuple[UUID, str], tuple[float, tuple[str, float]]] = {}
_keeping = Lock()


def _most(counted: dict[str, int], present: str) -> tuple[str, float]:
    """The present model, unless another one, which can still be asked, has more."""
    total = sum(counted.values())
    best = present
    for model, number in counted.items():
        if model and number > counted.get(best, 0) and embedder_of(model) is not None:
            best = model
    share = counted.get(best, 0) / total if total else 1.0
    return best, math.floor(share * 10_000) / 10_000
