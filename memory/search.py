"""Searching memory: ask (outside any transaction, because embedding waits), then find (inside the reader's)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from uuid import UUID

from django.db import connection

from chimera.kernel.errors import busy
from memory import folding, judging, ranking
from memory.asking import Meaning, meaning_of
from memory.embedders import Vector
from memory.folding import Hit
from memory.judging import Judged
from memory.limits import QUERY_WORDS_MAX
from memory.queries import Sought
from memory.ranking import Mode, Parts
from memory.stores import Proposal, Wanted, instead, propose

__all__ = ["Found", "Hit", "Question", "ask", "find", "lexemes", "look_up", "shown"]


TRUSTED_FROM = (
    0.5  # share of what an index vouches for that must stand; a few it loses between its answer and PostgreSQL's
)


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
class Found:
    """What a search found, and what its scores are relative to."""

    hits: list[Hit]
    index: Proposal | None = None  # which index proposed them, and why that one
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
    sql = """
        SELECT lexeme FROM unnest(to_tsvector('english', %s)) AS w(lexeme, positions, weights)
        ORDER BY positions[1] LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [text, QUERY_WORDS_MAX])
        return tuple(row[0] for row in cursor.fetchall())


def find(question: Question, sought: Sought, *, limit: int) -> list[Hit]:
    """The hits of `look_up`."""
    return look_up(question, sought, limit=limit).hits


def look_up(question: Question, sought: Sought, *, limit: int) -> Found:
    """The best `limit` memories, best first, with what their scores are made of (memory.ranking).

    What says the same as a better one is folded into that; what contradicts another says so (memory.folding).
    """
    wanted = Wanted(sought=sought, vector=question.vector, model=question.model, words=question.words)
    proposed, rows = _proposed(wanted)
    best = max((row.similarity for row in rows if row.similarity is not None), default=None)
    counted = Counter(word for row in rows for word in row.words)
    weights = ranking.word_weights(question.words, counted=counted, among=len(rows))
    hits = [_hit(row, question, sought, best=best, weights=weights) for row in rows]
    hits.sort(key=lambda hit: (hit.score, hit.memory.pk), reverse=True)
    return Found(
        hits=folding.folded(hits, limit=limit),
        index=proposed,
        best_similarity=None if best is None else round(best, ranking.PLACES),
        word_weights=weights,
    )


def _proposed(wanted: Wanted) -> tuple[Proposal, list[Judged]]:
    """From the index, unless most of what it vouches for may not be found: then it is wrong, and PostgreSQL's own is asked."""
    proposed = propose(wanted)
    rows = judging.judge(proposed.ids, wanted)
    stand = sum(row.memory.pk in proposed.vouched for row in rows)
    if stand < len(proposed.vouched) * TRUSTED_FROM:
        said = f"Of {len(proposed.vouched)} memories that the index found, {stand} may be found; run `manage.py memory status`."
        proposed = instead(wanted, fallback=said)
        rows = judging.judge(proposed.ids, wanted)
    return proposed, rows


def _hit(row: Judged, question: Question, sought: Sought, *, best: float | None, weights: Mapping[str, float]) -> Hit:
    age = ranking.age(created_at=row.memory.created_at, at=sought.at)
    parts = ranking.parts(
        similarity=row.similarity,
        coverage=ranking.share(row.words, weights),
        age=age,
        importance=row.memory.importance_score,
        best=best,
    )
    return Hit(
        row.memory,
        ranking.score(parts, question.mode),
        parts,
        similarity=None if row.similarity is None else round(row.similarity, ranking.PLACES),
        words=row.words,
        age=age,
    )


def shown(parts: Parts) -> dict[str, float]:
    return asdict(parts)
