"""What PostgreSQL says of candidates: which of them may be found, what each scores, and of the best their rows and which lie near one
another. All in the statement that finds them, or that is given their ids.

An index that lags, errs or is forged proposes in vain: whatever the caller may not see, or what the filters leave out, is not here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from chimera.kernel import prepared, tenancy
from chimera.kernel.prepared import Asked, Row
from memory import permitting, ranking
from memory.halves import Halves
from memory.likeness import SUBJECT_FROM
from memory.models import MemoryRecord
from memory.permitting import permitted
from memory.queries import HEAVY
from memory.ranking import Mode, Parts
from memory.stores.port import Wanted
from memory.stores.words import ANY_WORD, EACH_WORD, QUERY, WORDS

Near = Mapping[int, Mapping[int, float]]  # cosines, by the places of a pair among the best, the upper one first


class Judged(NamedTuple):
    """`memory` has a memory's fields, but for those that only the database computes with. What was said of it is read of those that are
    shown alone (`parts`, `words`)."""

    memory: Any
    score: float
    similarity: float | None  # cosine to the query; None without a vector of its model, whose cosine would say nothing
    vector: float
    keyword: float
    recency: float
    shared: str | None  # places of the query's words that it has, from 1

    def parts(self) -> Parts:
        return ranking.rounded(self.vector, self.keyword, self.recency, self.memory.importance_score)

    def words(self, of: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(of[int(place) - 1] for place in self.shared.split())) if self.shared else ()


@dataclass(frozen=True, slots=True)
class Verdict:
    best: list[Judged]  # by their scores
    near: Near  # pairs of them whose vectors, of one model, may be about the same
    similarity: float | None  # the nearest candidate's
    weights: dict[str, float]  # of the query's words, by how few of the candidates have each
    came: tuple[int, int, int]  # what the statement that found the candidates says of them
    is_outdated: bool = False  # the tenant has vectors, and none of the model of the query's


# ------------------------------------------------------------------ the statement

# What is computed of the query stands in a subquery of its own: once, and not for each row.
SIMILARITY = "1 - (v.embedding <=> %(vector)s::halfvec)"


def by_key(table: str, key: str, of: str) -> str:
    """The row of this key, to be joined. While nobody has counted the rows of a new table the planner would rather read all of the tenant's
    for each row that is joined; `OFFSET 0` leaves it nothing but the key to look them up by."""
    return f"LATERAL (SELECT * FROM {table} WHERE {key} = {of} OFFSET 0)"


VECTOR_OF = f"LEFT JOIN {by_key('memory_memoryvector', 'memory_id', 'r.id')} v ON v.model = %(model)s::text"
OF_A_CANDIDATE = "r.words, r.created_at, r.importance_score"
# Most candidates by meaning share no word: that is seen sooner than which words it would be.
_SHARED = f"""
    CASE WHEN c.words @@ {ANY_WORD} THEN ARRAY(
        SELECT place FROM unnest({EACH_WORD}) WITH ORDINALITY AS q(word, place) WHERE c.words @@ word
    ) END
"""
_HOURS = "extract(epoch FROM %(at)s::timestamptz - c.created_at)::float8 / 3600"
# Of each word how many candidates have it, and what it weighs for that.
_WEIGHED_WORDS = f"""
    had AS (
        SELECT place, count(*) AS having_it FROM judged, unnest(judged.shared) place GROUP BY place
    ), weighed AS MATERIALIZED (
        SELECT coalesce(array_agg(weight ORDER BY place), '{{}}') AS weights, sum(weight) AS whole FROM (
            SELECT place, {ranking.WORD_WEIGHT} AS weight
            FROM (SELECT count(*) AS among FROM judged) judged, (
                SELECT place, coalesce(having_it, 0) AS having_it
                FROM generate_series(1, cardinality({WORDS})) place LEFT JOIN had USING (place)
            ) counted
        ) words
    )
"""
_NO_WORDS = "query AS (SELECT '{}'::text[] AS words), weighed AS (SELECT '{}'::float8[] AS weights)"
_SHARE = "coalesce((SELECT sum(weights[place]) FROM unnest(j.shared) place) / whole, 0)"
# Vectors are unpacked once each, and not for each pair.
_NEAR = f"""
    SELECT array_agg(rank) AS ranks, array_agg(cosine) AS cosines FROM (
        SELECT b.rank, -(a.direction <#> b.direction) AS cosine FROM shown b
        WHERE b.rank > a.rank AND b.embedding_model = a.embedding_model OFFSET 0
    ) pairs WHERE cosine >= {SUBJECT_FROM}
"""
# Looked at where no candidate has a vector of the query's model.
_OF_THIS_TENANT = "SELECT FROM memory_memoryvector v WHERE v.tenant_id = %(tenant)s::uuid"
_OUTDATED = f"%(model)s::text <> '' AND EXISTS ({_OF_THIS_TENANT}) AND NOT EXISTS ({_OF_THIS_TENANT} AND v.model = %(model)s::text)"
_OF_ALL, _OF_ONE = 7, 16  # columns before those of one candidate, and before its memory's own


@cache
def statement(candidates: str, mode: Mode) -> str:
    """Of parts of a WITH that end in `candidates` (id, similarity, words, created_at, importance_score), which may be found, and in `came`,
    three numbers that they say of themselves."""
    by_words = mode != Mode.VECTOR
    return f"""
        WITH {QUERY + "," if by_words else ""} {candidates}, judged AS MATERIALIZED (
            SELECT c.id, c.similarity, {_SHARED if by_words else "NULL::bigint[]"} AS shared, {_HOURS} AS hours,
                c.importance_score::float8 AS importance
            FROM candidates c WHERE {_has_anything(mode)}
        ), nearest AS MATERIALIZED (
            SELECT max(similarity) AS best FROM judged
        ), {_WEIGHED_WORDS if by_words else _NO_WORDS}, compared AS (
            SELECT j.*, {_SHARE if by_words else "0::float8"} AS share, best FROM judged j, nearest, weighed
        ), parts AS (
            SELECT id, similarity, shared, importance,
                {ranking.VECTOR} AS vector, {ranking.KEYWORD} AS keyword, {ranking.RECENCY} AS recency
            FROM compared
        ), chosen AS MATERIALIZED (
            SELECT *, row_number() OVER (ORDER BY score DESC, id DESC) AS rank
            FROM (SELECT *, {ranking.total(mode)} AS score FROM parts) scored
            ORDER BY rank LIMIT %(best)s::integer
        ), shown AS MATERIALIZED (
            SELECT rank, score, similarity, shared, vector, keyword, recency, l2_normalize(v.embedding) AS direction, {_columns("r")}
            FROM chosen JOIN {by_key("memory_memoryrecord", "id", "chosen.id")} r USING (id)
                LEFT JOIN {by_key("memory_memoryvector", "memory_id", "r.id")} v ON true
            WHERE r.tenant_id = %(tenant)s::uuid
        )
        SELECT came.*, best, best IS NULL AND {_OUTDATED},
            CASE WHEN a.rank > 1 THEN NULL ELSE query.words END, CASE WHEN a.rank > 1 THEN NULL ELSE weights END,
            a.rank, a.score, a.similarity, array_to_string(a.shared, ' '), a.vector, a.keyword, a.recency, near.ranks, near.cosines,
            {_columns("a")}
        FROM (came CROSS JOIN nearest CROSS JOIN query CROSS JOIN weighed)
            LEFT JOIN shown a ON true LEFT JOIN LATERAL ({_NEAR}) near ON true
        ORDER BY a.rank
    """


@cache
def by_ids(mode: Mode) -> str:
    """Candidates that somebody named, and how many of the vouched ones may be found and have something of the query."""
    return f"""
        candidates AS MATERIALIZED (
            SELECT r.id, {SIMILARITY} AS similarity, {OF_A_CANDIDATE} FROM memory_memoryrecord r {VECTOR_OF}
            WHERE r.tenant_id = %(tenant)s::uuid AND r.id = ANY(%(ids)s::uuid[]) AND {permitted("r")}
        ), came AS (
            SELECT (SELECT count(*) FROM candidates c WHERE c.id = ANY(%(vouched)s::uuid[]) AND ({_has_anything(mode)})), 0, 0
        )
    """


def _has_anything(mode: Mode) -> str:
    return "c.similarity IS NOT NULL" + (f" OR c.words @@ {ANY_WORD}" if mode != Mode.VECTOR else "")


def _columns(row: str) -> str:
    return prepared.columns(MemoryRecord, row, without=HEAVY)


def asked(wanted: Wanted) -> dict[str, Any]:
    """What stands in the places of such a statement."""
    return permitting.asked(wanted.sought) | {
        "tenant": tenancy.current(),
        "vector": Halves.of(wanted.vector) if wanted.vector else None,
        "model": wanted.model if wanted.vector else "",
        "text": wanted.text,
        "most": wanted.most,
        "best": wanted.best,
    }


def read(rows: Sequence[Row]) -> Verdict:
    """Of the rows of such a statement; there is one at least."""
    *came, similarity, is_outdated, words, weights = rows[0][:_OF_ALL]
    best: list[Judged] = []
    near: dict[int, Mapping[int, float]] = {}
    named = prepared.named(MemoryRecord, without=HEAVY)
    for place, row in enumerate(rows if rows[0][_OF_ALL] is not None else ()):
        _, score, cosine, shared, vector, keyword, recency, ranks, cosines = row[_OF_ALL:_OF_ONE]
        best.append(Judged(named(row[_OF_ONE:]), score, cosine, vector, keyword, recency, shared))
        if ranks:
            near[place] = {rank - 1: how for rank, how in zip(ranks, cosines, strict=True)}
    return Verdict(
        best=best,
        near=near,
        similarity=similarity,
        weights=dict(zip(words, (round(weight, ranking.PLACES) for weight in weights), strict=True)),
        came=(came[0], came[1], came[2]),
        is_outdated=is_outdated,
    )


def judge(ids: Sequence[UUID], wanted: Wanted, *, vouched: Sequence[UUID] = ()) -> Verdict:
    """Of these candidates; first of what came is how many of `vouched` stand: they may be found, and have something of the query."""
    said = asked(wanted) | {"ids": list(ids), "vouched": list(vouched)}
    return read(ask([(statement(by_ids(wanted.mode), wanted.mode), said)], wanted)[0])


def ask(asked: Sequence[Asked], wanted: Wanted) -> list[list[Row]]:
    return tenancy.ask_last(asked) if wanted.last else prepared.ask_all(asked)


def record(memory: Any) -> MemoryRecord:
    """Of one that was judged. To make one takes longer than to read it, and most are compared and not shown."""
    return prepared.instance(MemoryRecord, memory, without=HEAVY)
