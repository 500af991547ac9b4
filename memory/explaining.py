"""Why a memory was found, how old it is, where it comes from, and what to know before relying on it: in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from memory.folding import Contradiction
from memory.likeness import Because
from memory.search import Found, Hit, shown


class Note(StrEnum):
    SUPERSEDED = "superseded"  # seen as of an earlier time, or by a correction that is valid later
    CONTRADICTED = "contradicted"


class Origin(StrEnum):
    RESULT = "result"
    FILE = "file"
    AGENT = "agent"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Noted:
    code: Note
    memory: UUID | None
    because: Because | None
    detail: str


SAID = {Because.NUMBERS: "gives other numbers or days", Because.NEGATION: "says the opposite"}


def explained(found: Found) -> list[dict[str, Any]]:
    """Its hits as the API shows them."""
    return [_explained(hit, asked=len(found.word_weights)) for hit in found.hits]


def scale(found: Found) -> dict[str, Any]:
    return {"similarity": found.best_similarity, "words": dict(found.word_weights)}


def answered(found: Found) -> dict[str, str]:
    """Which index was asked, which one answered, and why."""
    if found.index is None:
        return {"asked": "", "answered": "", "fallback": ""}
    return {"asked": found.index.asked, "answered": found.index.index, "fallback": found.index.fallback}


def _explained(hit: Hit, *, asked: int) -> dict[str, Any]:
    kind, whence = origin(hit.memory)
    notes = list(_notes(hit))
    why = "; ".join(
        [", ".join(_reasons(hit, asked)), f"{spoken(hit.age)} old", f"from {whence}", *(n.detail for n in notes)]
    )
    return {
        "memory": hit.memory,
        "score": hit.score,
        "parts": shown(hit.parts),
        "found": {"similarity": hit.similarity, "words": hit.words},
        "age_seconds": int(hit.age.total_seconds()),
        "source": {"kind": kind, "detail": whence},
        "same": hit.same,
        "notes": notes,
        "explanation": f"{why[0].upper()}{why[1:]}.",
    }


def _reasons(hit: Hit, asked: int) -> Iterator[str]:
    if hit.similarity is not None:
        yield f"similarity {hit.similarity:.2f}"
    if asked:
        yield f"{len(hit.words)} of the query's {asked} words" + (f" ({', '.join(hit.words)})" if hit.words else "")
    yield f"importance {hit.memory.importance_score.normalize():f}"
    if hit.same:
        yield f"{len(hit.same)} more like it"


def _notes(hit: Hit) -> Iterator[Noted]:
    memory = hit.memory
    if memory.superseded_at is not None:
        said = f"superseded at {_moment(memory.superseded_at)}"
        yield Noted(
            Note.SUPERSEDED, memory.superseded_by_id, None, f"{said} by {memory.superseded_by_id or 'one that is gone'}"
        )
    for other in hit.contradicts:
        yield Noted(Note.CONTRADICTED, other.id, other.because, _contradicted(other))


def _contradicted(other: Contradiction) -> str:
    return f"{'a newer' if other.newer else 'an older'} memory, {other.id}, {SAID[other.because]}"


def origin(memory: Any) -> tuple[Origin, str]:
    """Where a memory comes from, as far as it was said."""
    source = memory.source
    if source.get("file"):
        sentence = source.get("sentence")
        where = (
            f", sentence {sentence}" if isinstance(sentence, int) else f", \u201c{sentence}\u201d" if sentence else ""
        )
        return Origin.FILE, f"{source['file']}{where}"
    if source.get("result"):
        return Origin.RESULT, f"the result {source['result']}"
    return (Origin.AGENT, "an agent's own words") if memory.agent_id else (Origin.PERSON, "a person's own words")


def spoken(age: timedelta) -> str:
    """The largest unit that fits: 3 days, 1 hour, 0 seconds."""
    seconds = int(age.total_seconds())
    units = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next((size, unit) for size, unit in units if seconds >= size or size == 1)
    number = seconds // size
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
