"""pgvector and full-text search, beside the rows themselves."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQueryField
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, FloatField, Func, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from pgvector import HalfVector
from pgvector.django import CosineDistance

from chimera.kernel import tenancy
from memory.embedders import Vector
from memory.limits import WORD_MATCHES_MAX
from memory.models import MemoryRecord
from memory.queries import Sought

EF_SEARCH = 200  # candidates that HNSW keeps while it walks: twice what is asked (benchmarks/memory_search.py)
SKETCHED = 400  # memories whose sketches are nearest, and which are then measured; four times what is asked
EXACT_BELOW = SKETCHED  # memories of a tenant that are all measured
SKETCHED_BELOW = 50_000  # whose sketches are all compared, in some 12 ms; more are looked up in the index
SIZE_SECONDS = 10.0  # so long a process believes how many memories a tenant has
TENANTS_MAX = 4_096  # of which one process keeps that


NEAREST_SKETCHES = """
    SELECT near.id FROM memory_memoryrecord near
    WHERE near.tenant_id = %s::uuid AND near.embedding_model = %s AND near.forgotten_at IS NULL AND near.embedding IS NOT NULL
    ORDER BY near.sketch <~> binary_quantize(%s::halfvec(1536))::bit(1536) LIMIT %s
"""
_IS_ONE = (
    f"memory_memoryrecord.id = ANY (ARRAY({NEAREST_SKETCHES}))"  # an array, so that rows are fetched by their keys
)


class PostgresStore:
    """Few memories are measured one by one. Of more the sketches are compared (memory.sketch_sql), of very many those that the HNSW
    index leads to. What comes up short, because a filter let few of its finds through, is followed by an exact scan: a selective
    filter never hides what is there."""

    def nearest(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]:
        size = _tenant_size()
        if size < EXACT_BELOW:
            return self.exact(sought, vector=vector, model=model, most=most)
        quick = self.sketched if size < SKETCHED_BELOW else self.indexed
        found = quick(sought, vector=vector, model=model, most=most)
        return found if len(found) == most else self.exact(sought, vector=vector, model=model, most=most)

    def sketched(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]:
        """Those of the SKETCHED nearest sketches that may be found, by distance."""
        close = RawSQL(
            _IS_ONE, [tenancy.current(), model, HalfVector(vector).to_text(), SKETCHED], output_field=BooleanField()
        )
        return list(nearest_rows(sought, vector=vector, model=model).filter(close)[:most])

    def indexed(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]:
        """By the HNSW index: approximate, and fewer than `most` when it walked far without enough of them."""
        with index_walk():
            return list(nearest_rows(sought, vector=vector, model=model)[:most])

    def exact(self, sought: Sought, *, vector: Vector, model: str, most: int) -> list[UUID]:
        """Without the index: every row that may be found is measured."""
        # The sum keeps the planner from the index.
        distance = ExpressionWrapper(CosineDistance("embedding", vector) + Value(0.0), output_field=FloatField())
        return list(nearest_rows(sought, vector=vector, model=model).order_by(distance)[:most])

    def matching(self, sought: Sought, *, words: tuple[str, ...], most: int) -> list[UUID]:
        if not words:
            return []
        proposed = _ids_with(words)
        allowed = set(_bound(sought).filter(pk__in=proposed).values_list("pk", flat=True))
        if len(allowed) < most and len(proposed) == WORD_MATCHES_MAX:
            return self.ranked(sought, words=words, most=most)
        return [key for key in proposed if key in allowed][:most]

    def ranked(self, sought: Sought, *, words: tuple[str, ...], most: int) -> list[UUID]:
        """Without the index: every row that may be found is read."""
        rank = Func(F("words"), _any_of(words), function="ts_rank", output_field=FloatField())
        rows = _bound(sought).filter(_matches(words)).order_by(rank.desc(), "-pk")
        return list(rows.values_list("pk", flat=True)[:most])


def nearest_rows(sought: Sought, *, vector: Vector, model: str) -> Any:
    """Ids by distance."""
    rows = _bound(sought).filter(embedding_model=model)
    return rows.order_by(CosineDistance("embedding", vector)).values_list("pk", flat=True)


def _bound(sought: Sought) -> Any:
    """The tenant once more, beside row-level security: the planner cannot estimate the policy."""
    return MemoryRecord.objects.filter(tenant_id=tenancy.current()).sought(sought)


@contextmanager
def index_walk() -> Iterator[None]:
    """Look up nearest rows in the index: a wide walk, which goes on until enough rows pass the filters.

    Without `enable_sort` off the planner reads and sorts every row: it counts pages of the table, and the vectors lie
    beside it, in TOAST.
    """
    _set({"hnsw.ef_search": str(EF_SEARCH), "hnsw.iterative_scan": "strict_order", "enable_sort": "off"})
    yield
    _set({"enable_sort": "on"})  # not after an error, which has ended the transaction and its settings


def _set(parameters: dict[str, str]) -> None:
    """For this transaction."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(parameters))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [part for pair in parameters.items() for part in pair])


def _tenant_size() -> int:
    """How many memories the bound tenant has, counted up to SKETCHED_BELOW, now and then."""
    tenant_id, now = tenancy.current(), time.monotonic()
    until, size = _sizes.get(tenant_id, (0.0, 0))
    if now < until:
        return size
    size = MemoryRecord.objects.filter(tenant_id=tenant_id)[:SKETCHED_BELOW].count()
    if len(_sizes) >= TENANTS_MAX:
        _sizes.clear()
    if size >= EXACT_BELOW:  # counting fewer costs nothing, and they may soon be more
        _sizes[tenant_id] = (now + SIZE_SECONDS, size)
    return size


_sizes: dict[UUID, tuple[float, int]] = {}


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
