"""Searching memory: ask (outside any transaction, because embedding waits), then find (inside the reader's)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import F, FloatField, Func, TextField, Value
from django.db.models.functions import Cast
from pgvector.django import CosineDistance

from chimera.kernel.errors import busy
from memory import ranking
from memory.asking import Meaning, meaning_of
from memory.embedders import Vector
from memory.limits import QUERY_WORDS_MAX
from memory.models import MemoryRecord
from memory.queries import Sought
from memory.ranking import Mode, Parts
from memory.stores import Wanted, propose


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
    """The best `limit` memories, best first, with what their scores are made of; see memory.ranking."""
    wanted = Wanted(sought=sought, vector=question.vector, model=question.model, words=question.words)
    proposed = propose(wanted)
    hits = _judged(question, sought, proposed.ids)
    return sorted(hits, key=lambda hit: (hit.score, hit.memory.pk), reverse=True)[:limit]


def _judged(question: Question, sought: Sought, proposed: Sequence[UUID]) -> list[Hit]:
    rows = MemoryRecord.objects.sought(sought).filter(pk__in=proposed).light()
    rows = rows.annotate(coverage=_coverage(question.words), similarity=_similarity(question))
    return [_hit(row, question, sought) for row in rows]


def _hit(row: Any, question: Question, sought: Sought) -> Hit:
    parts = ranking.parts(
        # A vector of another model says nothing about this query.
        similarity=row.similarity if row.embedding_model == question.model else None,
        coverage=row.coverage,
        age=ranking.age(created_at=row.created_at, at=sought.at),
        importance=row.importance_score,
    )
    return Hit(row, ranking.score(parts, question.mode), parts)


def _similarity(question: Question) -> Any:
    if question.vector is None:
        return Value(None, output_field=FloatField())
    return Value(1.0) - CosineDistance("embedding", question.vector)


def _coverage(words: Sequence[str]) -> Any:
    """The share of the query's words that a memory contains."""
    if not words:
        return Value(0.0)
    asked = Value(list(words), output_field=ArrayField(TextField()))
    common = Func(
        asked,
        F("words"),
        template="cardinality(ARRAY(SELECT unnest(%(expressions)s))))",
        arg_joiner="::text[]) INTERSECT SELECT unnest(tsvector_to_array(",
        output_field=FloatField(),
    )
    return Cast(common, FloatField()) / float(len(words))


def shown(parts: Parts) -> dict[str, float]:
    return asdict(parts)
