"""What says the same stands once, and what contradicts something else says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memory.likeness import Because, Likeness, likeness
from memory.reading import Reading
from memory.stores.judging import Near


@dataclass(frozen=True, slots=True)
class Contradiction:
    id: UUID  # of the other memory
    because: Because
    newer: bool  # the other one is


@dataclass(frozen=True, slots=True)
class Folded:
    memory: Any
    same: tuple[UUID, ...]  # memories that say the same, and rank below it
    contradicts: tuple[Contradiction, ...]


def folded(memories: Sequence[Any], near: Near, *, limit: int) -> list[Folded]:
    """The best `limit` that say different things, of memories that are given best first, with those of them whose vectors are near each
    other. A memory is whatever has a memory's fields.

    Each is compared with all that rank below it, until there are enough.
    """
    into: dict[UUID, UUID] = {}
    against: dict[UUID, dict[UUID, Contradiction]] = {}
    texts: dict[str, Reading] = {}
    kept: list[Any] = []
    for place, one in enumerate(memories):
        if one.id not in into:
            if len(kept) == limit:
                break
            kept.append(one)
        for other, found in _alike(one, memories[place + 1 :], near, texts):
            if found.because:
                against.setdefault(one.id, {})[other.id] = _contradiction(one, other, found.because)
                against.setdefault(other.id, {})[one.id] = _contradiction(other, one, found.because)
            elif one.id not in into:
                into.setdefault(other.id, one.id)
    same: dict[UUID, tuple[UUID, ...]] = {}
    for key, whole in into.items():
        same[whole] = (*same.get(whole, ()), key)
    return [
        Folded(one, same.get(one.id, ()), _heard((one.id, *same.get(one.id, ())), against) if against else ())
        for one in kept
    ]


def _alike(one: Any, lower: Sequence[Any], near: Near, texts: dict[str, Reading]) -> Iterator[tuple[Any, Likeness]]:
    """Where both have vectors of one model, only near ones are read."""
    neighbours = near.get(one.id, {})
    for other in lower:
        similarity = neighbours.get(other.id)
        if similarity is None and one.embedding_model and one.embedding_model == other.embedding_model:
            continue
        found = likeness(one, other, similarity, texts)
        if found.same or found.because:
            yield other, found


def _contradiction(one: Any, other: Any, because: Because) -> Contradiction:
    return Contradiction(other.id, because, newer=other.created_at > one.created_at)


def _heard(own: Sequence[UUID], against: dict[UUID, dict[UUID, Contradiction]]) -> tuple[Contradiction, ...]:
    """What contradicts a hit, or what was folded into it; each once."""
    heard: dict[UUID, Contradiction] = {}
    for key in own:
        heard = against.get(key, {}) | heard
    return tuple(found for key, found in heard.items() if key not in own)
