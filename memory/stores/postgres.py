"""pgvector and full-text search, beside the rows themselves."""

import time
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQueryField
from django.db.models import BooleanField, F, FloatField, Func, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from pgvector import HalfVector

from chimera.kernel import prepared, tenancy
from chimera.kernel.prepared import Row
from memory.limits import WORD_COMMON_FROM, WORD_MATCHES_MAX, WORD_MATCHES_PER_CANDIDATE
from memory.models import MemoryRecord
from memory.permitting import permitted
from memory.queries import Sought
from memory.stores import judging
from memory.stores.judging import JUDGED, SHARED, WEIGHED, Judged, tsquery
from memory.stores.port import Wanted

EF_SEARCH = 200  # candidates that HNSW keeps while it walks: twice what is asked (benchmarks/memory_search.py)
SKETCHED_PER_CANDIDATE = 4  # memories whose sketches are nearest, and which are then measured, for one that is wanted
SKETCHED_MIN = 150  # so many at least (benchmarks/memory_search.py)
SKETCHED_BELOW = 50_000  # whose sketches are all compared, in some 12 ms; more are looked up in the index
SIZE_SECONDS = 10.0  # so long a process believes how many memories a tenant has
SIZE_KEPT_FROM = 1_000  # counting fewer costs nothing, and they may soon be more
TENANTS_MAX = 4_096  # of which one process keeps that

# What is computed of the query stands in a subquery of its own: once, and not for each row.
NEAREST_SKETCHES = """
    SELECT near.id FROM memory_memoryrecord near
    WHERE near.tenant_id = %(tenant)s::uuid AND near.embedding_model = %(model)s::text
        AND near.forgotten_at IS NULL AND near.embedding IS NOT NULL
    ORDER BY near.sketch <~> (SELECT binary_quantize(%(vector)s::halfvec)::bit(1536)) LIMIT %(sketched)s::integer
"""
NEAREST = f"SELECT found.id, found.similarity, {SHARED}, {WEIGHED}"
_MEASURED = (
    "SELECT r.id, 1 - (r.embedding <=> %(vector)s::halfvec) AS similarity, r.words, r.created_at, r.importance_score"
)
_HAS_VECTOR = "r.tenant_id = %(tenant)s::uuid AND r.embedding_model = %(model)s::text AND r.embedding IS NOT NULL"
# An array of keys, so that their rows are fetched by them.
_SKETCHED = f"""
    {NEAREST} FROM (
        {_MEASURED} FROM memory_memoryrecord r
        WHERE {_HAS_VECTOR} AND r.id = ANY(ARRAY({NEAREST_SKETCHES})) AND {permitted("r")}
        ORDER BY similarity DESC LIMIT %(most)s::integer
    ) found
"""
INDEXED = f"""
    {NEAREST} FROM (
        {_MEASURED} FROM memory_memoryrecord r WHERE {_HAS_VECTOR} AND {permitted("r")}
        ORDER BY r.embedding <=> %(vector)s::halfvec LIMIT %(most)s::integer
    ) found
"""
_WORDS = "%(query)s::tsquery, %(words)s::text[], %(size)s::integer, %(matches)s::integer, %(common)s::integer"
# How many the word index proposed stands beside each; without any there is nothing to say it.
_MATCHING = f"""
    WITH proposed AS MATERIALIZED (
        SELECT id, place FROM chimera_memories_with({_WORDS}) WITH ORDINALITY AS p(id, place)
    )
    {JUDGED}, found.proposed FROM (
        SELECT r.id, r.embedding_model, r.embedding, r.words, r.created_at, r.importance_score,
            (SELECT count(*) FROM proposed) AS proposed
        FROM proposed JOIN memory_memoryrecord r USING (id)
        WHERE r.tenant_id = %(tenant)s::uuid AND r.id = ANY(ARRAY(SELECT id FROM proposed)) AND {permitted("r")}
        ORDER BY proposed.place LIMIT %(most)s::integer
    ) found
"""
_PROPOSED = f"SELECT count(*) FROM chimera_memories_with({_WORDS})"
# Without `enable_sort` off the planner reads and sorts every row: it counts pages of the table, and the vectors lie beside it, in TOAST.
_WALK = (
    "SELECT set_config('hnsw.ef_search', %(ef)s::text, true), set_config('hnsw.iterative_scan', 'strict_order', true), "
    "set_config('enable_sort', 'off', true)"
)
_AS_EVER = "SELECT set_config('enable_sort', 'on', true)"  # not after an error, which has ended the transaction


class PostgresStore:
    """The sketches of a tenant's memories are compared, and the nearest of them measured; of very many those that the HNSW index leads
    to. What comes up short, because a filter let few of its finds through, is followed by a look at all that the filter lets through: a
    selective filter never hides what is there."""

    def look_up(self, wanted: Wanted) -> list[Judged]:
        """What lies near, the nearest first, then what has any of the words; each once. In the reader's transaction."""
        sketched = max(SKETCHED_MIN, SKETCHED_PER_CANDIDATE * wanted.most)
        size = _tenant_size()
        said = judging.asked(wanted) | {
            "size": size,
            "sketched": sketched,
            "ef": str(EF_SEARCH),
            "matches": min(WORD_MATCHES_PER_CANDIDATE * wanted.most, WORD_MATCHES_MAX),
            "common": WORD_COMMON_FROM,
        }
        sql = (_nearest(size) if wanted.vector else {}) | ({"matching": _MATCHING} if wanted.words else {})
        answers = dict(zip(sql, prepared.ask_all([(one, said) for one in sql.values()]), strict=True))
        found = judging.read(answers.get("near", ()))
        if wanted.vector and len(found) < wanted.most and size > sketched:
            found = _nearest_of_all(wanted, sketched)
        if wanted.words:
            found += _matching(answers["matching"], wanted, said)
        return list({row.id: row for row in found}.values())


def _nearest(size: int) -> dict[str, str]:
    """The statements, by what they are for."""
    return {"near": _SKETCHED} if size < SKETCHED_BELOW else {"walk": _WALK, "near": INDEXED, "as ever": _AS_EVER}


def _nearest_of_all(wanted: Wanted, sketched: int) -> list[Judged]:
    """Of all that may be found, measured are those whose sketches are nearest. The planner sees the filters as they are."""
    query = "memory_memoryrecord.sketch <~> (SELECT binary_quantize(%s::halfvec)::bit(1536))"
    distance = RawSQL(query, [HalfVector(wanted.vector or []).to_text()], output_field=FloatField())
    rows = _bound(wanted.sought).filter(embedding_model=wanted.model, embedding__isnull=False).order_by(distance)
    found = judging.judge(rows.values_list("pk", flat=True)[:sketched], wanted)
    return sorted(found, key=lambda row: row.similarity or 0.0, reverse=True)[: wanted.most]


def _matching(rows: list[Row], wanted: Wanted, said: dict[str, Any]) -> list[Judged]:
    """As the word index proposed them. Where few of those may be found it is asked for many more, and where few of these may, for none."""
    if len(rows) < wanted.most:
        proposed = rows[0][-1] if rows else prepared.ask(_PROPOSED, said)[0][0]
        if proposed >= WORD_MATCHES_MAX:
            return judging.judge([*_ranked(wanted), *(row[0] for row in rows)], wanted)
        if proposed >= said["matches"]:
            more = said | {"matches": WORD_MATCHES_MAX}
            return _matching(prepared.ask(_MATCHING, more), wanted, more)
    return judging.read(row[:-1] for row in rows)


def _ranked(wanted: Wanted) -> list[UUID]:
    """Without the index: every row that may be found is read."""
    rank = Func(F("words"), _any_of(wanted.words), function="ts_rank", output_field=FloatField())
    rows = _bound(wanted.sought).filter(_matches(wanted.words)).order_by(rank.desc(), "-pk")
    return list(rows.values_list("pk", flat=True)[: wanted.most])


def _bound(sought: Sought) -> Any:
    """The tenant once more, beside row-level security: the planner cannot estimate the policy."""
    return MemoryRecord.objects.filter(tenant_id=tenancy.current()).sought(sought)


_SIZE = """
    SELECT count(*) FROM (
        SELECT FROM memory_memoryrecord WHERE tenant_id = %(tenant)s::uuid AND forgotten_at IS NULL LIMIT %(most)s::integer
    ) counted
"""


def _tenant_size() -> int:
    """How many memories the bound tenant has, counted up to SKETCHED_BELOW, now and then."""
    tenant_id, now = tenancy.current(), time.monotonic()
    until, size = _sizes.get(tenant_id, (0.0, 0))
    if now < until:
        return size
    ((size,),) = prepared.ask(_SIZE, {"tenant": tenant_id, "most": SKETCHED_BELOW})
    if len(_sizes) >= TENANTS_MAX:
        _sizes.clear()
    if size > SIZE_KEPT_FROM:
        _sizes[tenant_id] = (now + SIZE_SECONDS, size)
    return int(size)


_sizes: dict[UUID, tuple[float, int]] = {}


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
