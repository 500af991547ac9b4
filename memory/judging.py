"""What PostgreSQL says of the memories that an index proposes: which of them may be found, how near they are, which words they share.

An index that lags, errs or is forged proposes in vain: whatever the caller may not see, or what the filters leave out, is not here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import F, FloatField, Func, TextField, Value
from pgvector.django import CosineDistance

from memory.embedders import Vector
from memory.models import MemoryRecord
from memory.stores import Wanted


@dataclass(frozen=True, slots=True)
class Judged:
    memory: MemoryRecord
    similarity: (
        float | None
    )  # cosine to the query; None without a vector of the query's model, whose cosine would say nothing
    words: tuple[str, ...]  # of the query, that it contains


def judge(proposed: Sequence[UUID], wanted: Wanted) -> list[Judged]:
    """In no order. What has nothing of the query, neither a word nor a vector to compare, is left out."""
    rows = MemoryRecord.objects.sought(wanted.sought).filter(pk__in=proposed).light()
    rows = rows.annotate(shared=_shared(wanted.words), similarity=_similarity(wanted.vector))
    return [judged for row in rows if (judged := _judged(row, wanted)).words or judged.similarity is not None]


def _judged(row: Any, wanted: Wanted) -> Judged:
    comparable = wanted.vector is not None and row.embedding_model == wanted.model
    return Judged(row, row.similarity if comparable else None, tuple(sorted(row.shared)))


def _similarity(vector: Vector | None) -> Any:
    if vector is None:
        return Value(None, output_field=FloatField())
    return Value(1.0) - CosineDistance("embedding", vector)


def _shared(words: Sequence[str]) -> Any:
    texts: Any = ArrayField(TextField())
    asked = Value(list(words), output_field=texts)
    if not words:
        return asked
    return Func(
        asked,
        F("words"),
        template="ARRAY(SELECT unnest(%(expressions)s)))",
        arg_joiner="::text[]) INTERSECT SELECT unnest(tsvector_to_array(",
        output_field=texts,
    )


# Vectors are unpacked once each: they lie out of line, and a pair would fetch both anew. Rows of the bound tenant, which the caller found.
_NEAR_PAIRS = """
    WITH found AS MATERIALIZED (
        SELECT id, embedding_model, l2_normalize(embedding) AS direction
        FROM memory_memoryrecord WHERE id = ANY(%s::uuid[]) AND embedding IS NOT NULL
    )
    SELECT a.id, b.id, -(a.direction <#> b.direction) AS similarity
    FROM found a JOIN found b ON a.id < b.id AND a.embedding_model = b.embedding_model
    WHERE -(a.direction <#> b.direction) >= %s
"""


def near_pairs(memory_ids: Sequence[UUID], *, least: float) -> Iterator[tuple[UUID, UUID, float]]:
    """Those of these memories whose vectors, of one model, have at least this cosine to each other."""
    if len(memory_ids) < 2:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NEAR_PAIRS, [list(memory_ids), least])
        yield from cursor.fetchall()
