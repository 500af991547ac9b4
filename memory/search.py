"""Searching memory: ask (outside any transaction, because embedding waits), then find (inside the reader's)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from chimera.kernel.errors import busy
from memory import folding, ranking, stores
from memory.asking import Meaning, forget_coverage, meaning_of
from memory.embedders import Vector
from memory.folding import Contradiction, Folded
from memory.limits import CANDIDATES_BEYOND, COMPARED_BEYOND
from memory.models import MemoryRecord
from memory.queries import Sought
from memory.ranking import Mode, Parts
from memory.stores import Answer, Judged, Wanted

__all__ = ["Found", "Hit", "Question", "ask", "find", "look_up", "shown"]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, ready to be looked up. `mode` is KEYWORD for a hybrid query while no embedder answers."""

    text: str
    mode: Mode
    vector: Vector | None
    model: str  # "" without a vector
    covered: float = 0.0  # share of the tenant's memories that have a vector of this model
    fallback: str = ""  # why a hybrid query has no vector


@dataclass(frozen=True, slots=True)
class Hit:
    memory: MemoryRecord
    score: float
    parts: Parts
    similarity: float | None = None  # cosine to the query
    words: tuple[str, ...] = ()  # of the query, that it contains
    age: timedelta = timedelta(0)
    same: tuple[UUID, ...] = ()  # memories that say the same, and rank below it
    contradicts: tuple[Contradiction, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and what its scores are relative to."""

    hits: list[Hit]
    index: Answer | None = None  # which index proposed them, and why that one
    best_similarity: float | None = None  # cosine
    word_weights: Mapping[str, float] = field(default_factory=dict)


def ask(*, text: str, mode: Mode, tenant_id: UUID) -> Question:
    """Embed the query. Waits for the embedder: call it outside transactions.

    503 for mode VECTOR while the embedder is away; a hybrid search goes on by keywords.
    """
    meaning = Meaning() if mode == Mode.KEYWORD else meaning_of(text, tenant_id=tenant_id)
    if meaning.fallback:
        if mode == Mode.VECTOR:
            raise busy("The embedder is away; search with mode `keyword`, or try again.", retry_seconds=5)
        mode = Mode.KEYWORD
    return Question(text, mode, meaning.vector, meaning.model, meaning.covered, meaning.fallback)


def find(question: Question, sought: Sought, *, limit: int, last: bool = False) -> list[Hit]:
    """The hits of `look_up`."""
    return look_up(question, sought, limit=limit, last=last).hits


def look_up(question: Question, sought: Sought, *, limit: int, last: bool = False) -> Found:
    """The best `limit` memories, best first, with what their scores are made of (memory.ranking). With `last` nothing else is asked in
    the reader's transaction.

    What says the same as a better one is folded into that; what contradicts another says so (memory.folding). 503 where another process
    has given the tenant's memories vectors of another model since the question was embedded.
    """
    compared = limit + COMPARED_BEYOND
    answer = stores.look_up(
        Wanted(
            sought=sought,
            mode=question.mode,
            most=compared + CANDIDATES_BEYOND,
            best=compared,
            text=question.text,
            vector=question.vector,
            model=question.model,
            last=last,
        )
    )
    verdict, words = answer.verdict, tuple(answer.verdict.weights)
    if verdict.is_outdated and question.covered:
        forget_coverage()
        raise busy("These memories have just been embedded by another model; ask again.", retry_seconds=1)
    judged = {one.memory.id: one for one in verdict.best}
    kept = folding.folded([one.memory for one in verdict.best], verdict.near, limit=limit)
    return Found(
        hits=[_hit(judged[one.memory.id], one, words, sought.at) for one in kept],
        index=answer,
        best_similarity=None if verdict.similarity is None else round(verdict.similarity, ranking.PLACES),
        word_weights=verdict.weights,
    )


def _hit(one: Judged, found: Folded, asked: Sequence[str], at: datetime) -> Hit:
    memory = stores.record(found.memory)
    return Hit(
        memory,
        round(one.score, ranking.PLACES),
        one.parts(),
        similarity=None if one.similarity is None else round(one.similarity, ranking.PLACES),
        words=one.words(asked),
        age=ranking.age(created_at=memory.created_at, at=at),
        same=found.same,
        contradicts=found.contradicts,
    )


def shown(parts: Parts) -> dict[str, float]:
    return parts._asdict()
