"""Searching memory: ask (outside any transaction, because embedding waits), then find (inside the reader's)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import NamedTuple
from uuid import UUID

from chimera.kernel import prepared
from chimera.kernel.errors import busy
from memory import folding, ranking
from memory.asking import Meaning, meaning_of
from memory.embedders import Vector
from memory.fetching import fetch, record
from memory.folding import Contradiction, Folded
from memory.likeness import SUBJECT_FROM
from memory.limits import CANDIDATES_PER_COMPARED, COMPARED_BEYOND, QUERY_WORDS_MAX
from memory.models import MemoryRecord
from memory.queries import Sought
from memory.ranking import Mode, Parts
from memory.stores import Candidates, Judged, Wanted, candidates

__all__ = ["Found", "Hit", "Question", "ask", "find", "lexemes", "look_up", "shown"]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, ready to be looked up. `mode` is KEYWORD for a hybrid query while no embedder answers."""

    text: str
    mode: Mode
    words: tuple[str, ...]  # distinct lexemes, without stop words
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
    index: Candidates | None = None  # which index proposed them, and why that one
    best_similarity: float | None = None  # cosine
    word_weights: Mapping[str, float] = field(default_factory=dict)


def ask(*, text: str, mode: Mode, tenant_id: UUID) -> Question:
    """Embed the query and find its words. Waits for the embedder: call it outside transactions.

    503 for mode VECTOR while the embedder is away; a hybrid search goes on by keywords.
    """
    meaning = Meaning() if mode == Mode.KEYWORD else meaning_of(text, tenant_id=tenant_id)
    if meaning.fallback:
        if mode == Mode.VECTOR:
            raise busy("The embedder is away; search with mode `keyword`, or try again.", retry_seconds=5)
        mode = Mode.KEYWORD
    words = () if mode == Mode.VECTOR else lexemes(text)
    return Question(text, mode, words, meaning.vector, meaning.model, meaning.covered, meaning.fallback)


def lexemes(text: str) -> tuple[str, ...]:
    """The distinct stems of a text in the order in which they stand, at most QUERY_WORDS_MAX, without stop words."""
    return tuple(row[0] for row in prepared.ask(_LEXEMES, {"text": text, "most": QUERY_WORDS_MAX}))


_LEXEMES = """
    SELECT lexeme FROM unnest(to_tsvector('english', %(text)s::text)) AS w(lexeme, positions, weights)
    ORDER BY positions[1] LIMIT %(most)s::integer
"""


def find(question: Question, sought: Sought, *, limit: int) -> list[Hit]:
    """The hits of `look_up`."""
    return look_up(question, sought, limit=limit).hits


def look_up(question: Question, sought: Sought, *, limit: int) -> Found:
    """The best `limit` memories, best first, with what their scores are made of (memory.ranking).

    What says the same as a better one is folded into that; what contradicts another says so (memory.folding).
    """
    compare = limit + COMPARED_BEYOND
    proposed = candidates(
        Wanted(
            sought=sought,
            most=CANDIDATES_PER_COMPARED * compare,
            vector=question.vector,
            model=question.model,
            words=question.words,
        )
    )
    scale = _Scale(question, sought.at, proposed.rows)
    compared = sorted(map(scale.scored, proposed.rows), reverse=True)[:compare]
    rows, near = fetch([one.id for one in compared], sought, least=SUBJECT_FROM)
    kept = folding.folded([rows[one.id] for one in compared if one.id in rows], near, limit=limit)
    scored = {one.id: one for one in compared}
    return Found(
        hits=[_hit(scored[one.memory.id], one, sought.at) for one in kept],
        index=proposed,
        best_similarity=None if scale.best is None else round(scale.best, ranking.PLACES),
        word_weights=scale.weights,
    )


class _Scored(NamedTuple):
    """Ordered by score, and by id among equals."""

    score: float
    id: UUID
    parts: Parts
    row: Judged


class _Scale:
    """What the candidates of one search are measured by: the best of them, and how many have each word."""

    def __init__(self, question: Question, at: datetime, rows: Sequence[Judged]) -> None:
        self._mode, self._at = question.mode, at.timestamp()
        self.best = max((row.similarity for row in rows if row.similarity is not None), default=None)
        counted = Counter(word for row in rows for word in row.words)
        self.weights = ranking.word_weights(question.words, counted=counted, among=len(rows))
        self._share = cache(partial(ranking.share, weights=self.weights))

    def scored(self, row: Judged) -> _Scored:
        parts = ranking.parts(
            similarity=row.similarity,
            coverage=self._share(row.words) if row.words else 0.0,
            hours=(self._at - row.created) / 3_600,
            importance=row.importance,
            best=self.best,
        )
        return _Scored(ranking.score(parts, self._mode), row.id, parts, row)


def _hit(one: _Scored, found: Folded, at: datetime) -> Hit:
    similarity, memory = one.row.similarity, record(found.memory)
    return Hit(
        memory,
        one.score,
        one.parts,
        similarity=None if similarity is None else round(similarity, ranking.PLACES),
        words=one.row.words,
        age=ranking.age(created_at=memory.created_at, at=at),
        same=found.same,
        contradicts=found.contradicts,
    )


def shown(parts: Parts) -> dict[str, float]:
    return parts._asdict()
