"""What says the same stands once, and what contradicts something else says so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memory.likeness import Because, Likeness, Readings, likeness
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
    into: dict[int, int] = {}
    against: dict[int, dict[int, Contradiction]] = {}
    texts: Readings = {}
    kept: list[int] = []
    for place, one in enumerate(memories):
        if place not in into:
            if len(kept) == limit:
                break
            kept.append(place)
        for other, found in _alike(place, memories, near.get(place, {}), texts):
            if found.because:
                against.setdefault(place, {})[other] = _contradiction(one, memories[other], found.because)
                against.setdefault(other, {})[place] = _contradiction(memories[other], one, found.because)
            elif place not in into:
                into.setdefault(other, place)
    same: dict[int, list[int]] = {}
    for place, whole in into.items():
        same.setdefault(whole, []).append(place)
    return [
        Folded(
            memories[place],
            tuple(memories[other].id for other in same.get(place, ())),
            _heard((place, *same.get(place, ())), against) if against else (),
        )
        for place in kept
    ]


def _alike(
    place: int, memories: Sequence[Any], beside: Mapping[int, float], texts: Readings
) -> Iterator[tuple[int, Likeness]]:
    """Of what ranks below. Where both have vectors of one model, only near ones are read."""
    one = memories[place]
    for other in range(place + 1, len(memories)):
        if other not in beside and one.embedding_model and one.embedding_model == memories[other].embedding_model:
            continue
        found = likeness(one, memories[other], beside.get(other), texts)
        if found.same or found.because:
            yield other, found


def _contradiction(one: Any, other: Any, because: Because) -> Contradiction:
    return Contradiction(other.id, because, newer=other.created_at > one.created_at)


def _heard(own: Sequence[int], against: dict[int, dict[int, Contradiction]]) -> tuple[Contradiction, ...]:
    """What contradicts a hit, or what was folded into it; each once."""
    heard: dict[int, Contradiction] = {}
    for place in own:
        heard = against.get(place, {}) | heard
    return tuple(found for place, found in heard.items() if place not in own)
