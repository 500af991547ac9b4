"""Hits that say the same stand once, and those that contradict each other say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from memory.fetching import Near
from memory.likeness import Because, Likeness, likeness
from memory.models import MemoryRecord
from memory.ranking import Parts
from memory.reading import Reading


@dataclass(frozen=True, slots=True)
class Contradiction:
    id: UUID  # of the other memory
    because: Because
    newer: bool  # the other one is


@dataclass(frozen=True, slots=True)
class Hit:
    memory: MemoryRecord
    score: float
    parts: Parts
    similarity: float | None = None  # cosine to the query
    words: tuple[str, ...] = ()  # of the query, that it contains
    age: timedelta = timedelta(0)
    same: tuple[UUID, ...] = ()  # memories that say the same, and rank below it
    contradicts: tuple[Contradiction, ...] = field(default=())


def folded(hits: Sequence[Hit], near: Near, *, limit: int) -> list[Hit]:
    """The best `limit` that say different things, of hits that are given best first, with those of them whose vectors are near each other.

    Each is compared with all that rank below it, until there are enough.
    """
    into: dict[UUID, UUID] = {}
    against: dict[UUID, dict[UUID, Contradiction]] = {}
    texts: dict[str, Reading] = {}
    kept: list[Hit] = []
    for place, hit in enumerate(hits):
        one = hit.memory
        if one.pk not in into:
            if len(kept) == limit:
                break
            kept.append(hit)
        for other, found in _alike(one, hits[place + 1 :], near, texts):
            if found.because:
                against.setdefault(one.pk, {})[other.pk] = _contradiction(one, other, found.because)
                against.setdefault(other.pk, {})[one.pk] = _contradiction(other, one, found.because)
            elif one.pk not in into:
                into.setdefault(other.pk, one.pk)
    same = {hit.memory.pk: tuple(key for key, whole in into.items() if whole == hit.memory.pk) for hit in kept}
    return [
        replace(hit, same=same[hit.memory.pk], contradicts=_heard((hit.memory.pk, *same[hit.memory.pk]), against))
        for hit in kept
    ]


def _alike(
    one: MemoryRecord, lower: Sequence[Hit], near: Near, texts: dict[str, Reading]
) -> Iterator[tuple[MemoryRecord, Likeness]]:
    """Where both have vectors of one model, only near ones are read."""
    neighbours = near.get(one.pk, {})
    for hit in lower:
        other = hit.memory
        similarity = neighbours.get(other.pk)
        if similarity is None and one.embedding_model and one.embedding_model == other.embedding_model:
            continue
        found = likeness(one, other, similarity, texts)
        if found.same or found.because:
            yield other, found


def _contradiction(one: MemoryRecord, other: MemoryRecord, because: Because) -> Contradiction:
    return Contradiction(other.pk, because, newer=other.created_at > one.created_at)


def _heard(own: Sequence[UUID], against: dict[UUID, dict[UUID, Contradiction]]) -> tuple[Contradiction, ...]:
    """What contradicts a hit, or what was folded into it; each once."""
    heard: dict[UUID, Contradiction] = {}
    for key in own:
        heard = against.get(key, {}) | heard
    return tuple(found for key, found in heard.items() if key not in own)
