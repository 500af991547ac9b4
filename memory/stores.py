"""Where memories are looked up. `store()` is the one place where it is decided which index is asked.

A store proposes ids; PostgreSQL, which holds every text and vector, judges them (memory.search): visibility, filters
and scores never depend on an index that may lag behind.
"""

from typing import Any, Protocol
from uuid import UUID

from django.contrib.postgres.search import SearchQueryField
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, FloatField, Func, Value
from django.db.models.functions import Cast
from pgvector.django import CosineDistance

from chimera.kernel import tenancy
from memory.embedders import Vector
from memory.limits import WORD_MATCHES_MAX
from memory.models import MemoryRecord
from memory.queries import Sought

EF_SEARCH = 100  # candidates that HNSW keeps while it walks; recall and time: benchmarks/memory_search.py


class Store(Protocol):
    """Both calls are made inside the reader's transaction, bound to its tenant, and answer ids, the best first."""

    def nearest(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]: ...

    def matching(self, sought: Sought, *, words: tuple[str, ...], most: int) -> list[UUID]: ...


class PostgresStore:
    """pgvector and full-text search beside the rows themselves.

    An index that comes up short, because a filter let few of its finds through, is followed by an exact scan, so a
    selective filter never hides what is there.
    """

    def nearest(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]:
        rows = nearest_rows(sought, vector=vector, model=model)
        _widen()
        found = list(rows.values_list("pk", flat=True)[:most])
        if len(found) < most:
            # The sum keeps the planner from the index.
            exact = ExpressionWrapper(CosineDistance("embedding", vector) + Value(0.0), output_field=FloatField())
            found = list(rows.order_by(exact).values_list("pk", flat=True)[:most])
        return found

    def matching(self, sought: Sought, *, words: tuple[str, ...], most: int) -> list[UUID]:
        if not words:
            return []
        proposed = _ids_with(words)
        rank = Func(F("words"), _any_of(words), function="ts_rank", output_field=FloatField())
        ranked = _bound(sought).alias(rank=rank).order_by("-rank", "-pk").values_list("pk", flat=True)
        found = list(ranked.filter(pk__in=proposed)[:most])
        if len(found) < most and len(proposed) == WORD_MATCHES_MAX:
            found = list(ranked.filter(_matches(words))[:most])
        return found


def nearest_rows(sought: Sought, *, vector: Vector, model: str) -> Any:
    return _bound(sought).filter(embedding_model=model).order_by(CosineDistance("embedding", vector))


def _bound(sought: Sought) -> Any:
    """The tenant once more, beside row-level security: the planner cannot estimate the policy."""
    return MemoryRecord.objects.filter(tenant_id=tenancy.current()).sought(sought)


def _widen() -> None:
    """pgvector, for this transaction: a wide walk that goes on until enough rows pass the filters."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', 'strict_order', true)",
            [str(EF_SEARCH)],
        )


def _ids_with(words: tuple[str, ...]) -> list[UUID]:
    """Ids of the bound tenant's memories that contain any of the words, the best ranked first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT chimera_memories_with(%s::tsquery, %s)", [tsquery(words), WORD_MATCHES_MAX])
        return [row[0] for row in cursor.fetchall()]


def tsquery(words: tuple[str, ...]) -> str:
    """Any of these lexemes, as the text of a tsquery."""
    return " | ".join("'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words)


def _any_of(words: tuple[str, ...]) -> Any:
    return Cast(Value(tsquery(words)), output_field=SearchQueryField())


def _matches(words: tuple[str, ...]) -> Any:
    return Func(
        F("words"),
        _any_of(words),
        template="(%(expressions)s)",
        arg_joiner=" @@ ",
        output_field=BooleanField(),
    )


def store() -> Store:
    return _postgres


_postgres = PostgresStore()
