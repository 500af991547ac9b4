"""pgvector and full-text search, beside the rows themselves."""

import time
from functools import cache
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
from memory.ranking import Mode
from memory.stores import judging
from memory.stores.judging import OF_A_CANDIDATE, SIMILARITY, VECTOR_OF, Verdict, by_key, statement
from memory.stores.port import Wanted
from memory.stores.words import ANY_WORD, QUERY, WORDS

EF_SEARCH = 200  # candidates that HNSW keeps while it walks (benchmarks/memory_search.py)
SKETCHED_PER_CANDIDATE = 4  # memories whose sketches are nearest, and which are then measured, for one that is wanted
SKETCHED_MIN = 150  # so many at least (benchmarks/memory_search.py)
SKETCHED_BELOW = 50_000  # whose sketches are all compared, in some 12 ms; more are looked up in the index
SIZE_SECONDS = 60.0  # so long a process believes how many memories a tenant has
SIZE_KEPT_FROM = 1_000  # counting fewer costs nothing, and they may soon be more
TENANTS_MAX = 4_096  # of which one process keeps that

# ------------------------------------------------------------------ what lies near

# What is computed of the query stands in a subquery of its own: once, and not for each row.
NEAREST_SKETCHES = """
    SELECT memory_id FROM memory_memoryvector near
    WHERE near.tenant_id = %(tenant)s::uuid AND near.model = %(model)s::text
    ORDER BY near.sketch <~> (SELECT binary_quantize(%(vector)s::halfvec)::bit(1536)) LIMIT %(sketched)s::integer
"""
# By an array of keys, so that their rows are fetched by them. Memories are looked at from the nearest on, until there are enough.
_NEAREST_OF = f"""
    SELECT r.id, v.similarity, {OF_A_CANDIDATE} FROM (
        SELECT v.memory_id, {SIMILARITY} AS similarity FROM memory_memoryvector v
        WHERE v.tenant_id = %(tenant)s::uuid AND v.model = %(model)s::text AND v.memory_id = ANY({{ids}})
        ORDER BY similarity DESC OFFSET 0
    ) v JOIN {by_key("memory_memoryrecord", "id", "v.memory_id")} r ON true
    WHERE r.tenant_id = %(tenant)s::uuid AND {permitted("r")}
    ORDER BY v.similarity DESC LIMIT %(most)s::integer
"""
SKETCHED = _NEAREST_OF.format(ids=f"ARRAY({NEAREST_SKETCHES})")
MEASURED = _NEAREST_OF.format(ids="%(ids)s::uuid[]")
INDEXED = f"""
    SELECT r.id, {SIMILARITY} AS similarity, {OF_A_CANDIDATE}
    FROM memory_memoryvector v JOIN {by_key("memory_memoryrecord", "id", "v.memory_id")} r ON true
    WHERE v.tenant_id = %(tenant)s::uuid AND v.model = %(model)s::text AND r.tenant_id = %(tenant)s::uuid AND {permitted("r")}
    ORDER BY v.embedding <=> %(vector)s::halfvec LIMIT %(most)s::integer
"""
# Without `enable_sort` off the planner reads and sorts every row of the tenant.
_WALK = (
    "SELECT set_config('hnsw.ef_search', %(ef)s::text, true), set_config('hnsw.iterative_scan', 'strict_order', true), "
    "set_config('enable_sort', 'off', true)"
)
_AS_EVER = "SELECT set_config('enable_sort', 'on', true)"  # not after an error, which has ended the transaction

# ------------------------------------------------------------------ what has any of the words

_PROPOSED = f"""
    proposed AS MATERIALIZED (
        SELECT id, place FROM chimera_memories_with({ANY_WORD}, {WORDS}, %(size)s::integer, %(matches)s::integer, %(common)s::integer)
            WITH ORDINALITY AS p(id, place)
    )
"""
# Looked at as they were proposed, until there are enough.
_MATCHING = f"""
    SELECT r.id, {OF_A_CANDIDATE} FROM (SELECT id, place FROM proposed ORDER BY place OFFSET 0) p
        JOIN {by_key("memory_memoryrecord", "id", "p.id")} r ON true
    WHERE r.tenant_id = %(tenant)s::uuid AND {permitted("r")}
    ORDER BY p.place LIMIT %(most)s::integer
"""
MATCHED = f"""
    WITH {QUERY}, {_PROPOSED}, matching AS ({_MATCHING}) SELECT ARRAY(SELECT id FROM matching), (SELECT count(*) FROM proposed)
"""
_ANY_WORD_SAID = f"WITH {QUERY} SELECT any_word::text FROM query"

# ------------------------------------------------------------------ both


@cache
def candidates(mode: Mode, near: str) -> str:
    """Parts of a WITH (memory.stores.judging). What came of them: how many lie near, how many have a word, and how many the word index
    proposed. What does both is measured once."""
    lie_near = f"near AS MATERIALIZED ({near})"
    matching = f"{_PROPOSED}, matching AS MATERIALIZED ({_MATCHING})"
    by_meaning = "SELECT id, similarity, words, created_at, importance_score FROM near"
    by_words = f"SELECT r.id, {SIMILARITY} AS similarity, {OF_A_CANDIDATE} FROM matching r {VECTOR_OF}"
    parts, found, came = {
        Mode.VECTOR: (lie_near, by_meaning, "(SELECT count(*) FROM near), 0, 0"),
        Mode.KEYWORD: (matching, by_words, "0, (SELECT count(*) FROM matching), (SELECT count(*) FROM proposed)"),
        Mode.HYBRID: (
            f"{lie_near}, {matching}",
            f"{by_meaning} UNION ALL {by_words} WHERE r.id NOT IN (SELECT id FROM near)",
            "(SELECT count(*) FROM near), (SELECT count(*) FROM matching), (SELECT count(*) FROM proposed)",
        ),
    }[mode]
    return f"{parts}, candidates AS MATERIALIZED ({found}), came AS (SELECT {came})"


class PostgresStore:
    """The sketches of a tenant's memories are compared, and the nearest of them measured; of very many those that the HNSW index leads
    to. What comes up short, because a filter let few of its finds through, is followed by a look at all that the filter lets through: a
    selective filter never hides what is there."""

    def look_up(self, wanted: Wanted) -> Verdict:
        """In the reader's transaction, usually in one statement. With `wanted.last` each ends a transaction, and sees what is committed
        when it begins, as it would in one under READ COMMITTED."""
        said = _said(wanted)
        found = statement(candidates(wanted.mode, _near(said)), wanted.mode)
        verdict = judging.read(_asked(found, said, wanted))
        near, matching, proposed = verdict.came
        few_near = wanted.by_vector and near < wanted.most and said["size"] > said["sketched"]
        few_matching = wanted.by_words and matching < wanted.most and proposed >= said["matches"]
        if not few_near and not few_matching:
            return verdict
        return judging.judge([*_nearest(wanted, said), *_matching(wanted, said)], wanted)

    def nearest(self, wanted: Wanted) -> list[UUID]:
        """The ids of what lies near, the nearest first."""
        return _nearest(wanted, _said(wanted))


def _said(wanted: Wanted) -> dict[str, Any]:
    return judging.asked(wanted) | {
        "size": _tenant_size(),
        "sketched": max(SKETCHED_MIN, SKETCHED_PER_CANDIDATE * wanted.most),
        "ef": str(EF_SEARCH),
        "matches": min(WORD_MATCHES_PER_CANDIDATE * wanted.most, WORD_MATCHES_MAX),
        "common": WORD_COMMON_FROM,
    }


def _near(said: dict[str, Any]) -> str:
    return SKETCHED if said["size"] < SKETCHED_BELOW else INDEXED


def _asked(sql: str, said: dict[str, Any], wanted: Wanted) -> list[Row]:
    """The rows of a statement of `_near`, which may walk the index."""
    if wanted.by_vector and _near(said) == INDEXED:
        return judging.ask([(_WALK, said), (sql, said), (_AS_EVER, {})], wanted)[1]
    return judging.ask([(sql, said)], wanted)[0]


def _nearest(wanted: Wanted, said: dict[str, Any]) -> list[UUID]:
    if not wanted.by_vector:
        return []
    rows = _asked(_near(said), said, wanted)
    if len(rows) < wanted.most and said["size"] > said["sketched"]:
        rows = prepared.ask(MEASURED, said | {"ids": list(_sketched_of_all(wanted, said["sketched"]))})
    return [row[0] for row in rows]


def _sketched_of_all(wanted: Wanted, most: int) -> Any:
    """The ids of all that may be found whose sketches are nearest. The planner sees the filters as they are."""
    query = "memory_memoryvector.sketch <~> (SELECT binary_quantize(%s::halfvec)::bit(1536))"
    distance = RawSQL(query, [HalfVector(wanted.vector or []).to_text()], output_field=FloatField())
    rows = _bound(wanted.sought).filter(vector__model=wanted.model).order_by(distance)
    return rows.values_list("pk", flat=True)[:most]


def _matching(wanted: Wanted, said: dict[str, Any]) -> list[UUID]:
    """As the word index proposes them. Where few of those may be found it is asked for many more, and where few of these may, for none."""
    if not wanted.by_words:
        return []
    ((ids, proposed),) = prepared.ask(MATCHED, said)
    if len(ids) < wanted.most and proposed >= said["matches"]:
        ((ids, proposed),) = prepared.ask(MATCHED, said | {"matches": WORD_MATCHES_MAX})
        if len(ids) < wanted.most and proposed >= WORD_MATCHES_MAX:
            ids = [*_ranked(wanted, said), *ids]
    return list(ids)


def _ranked(wanted: Wanted, said: dict[str, Any]) -> list[UUID]:
    """Without the index: every row that may be found is read."""
    ((any_word,),) = prepared.ask(_ANY_WORD_SAID, said)
    query = Cast(Value(any_word), output_field=SearchQueryField())
    matches = Func(F("words"), query, template="(%(expressions)s)", arg_joiner=" @@ ", output_field=BooleanField())
    rank = Func(F("words"), query, function="ts_rank", output_field=FloatField())
    return list(
        _bound(wanted.sought).filter(matches).order_by(rank.desc(), "-pk").values_list("pk", flat=True)[: wanted.most]
    )


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
