"""What PostgreSQL says of candidates: which of them may be found, how near they are, which words they share.

An index that lags, errs or is forged proposes in vain: whatever the caller may not see, or what the filters leave out, is not here. Of each
candidate this reads what its score is made of, and no text: those that are shown are read later (memory.fetching).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.kernel import prepared, tenancy
from memory import permitting
from memory.halves import Halves
from memory.permitting import permitted
from memory.stores.port import Wanted


@dataclass(frozen=True, slots=True)
class Judged:
    id: UUID
    similarity: (
        float | None
    )  # cosine to the query; None without a vector of the query's model, whose cosine would say nothing
    words: tuple[str, ...]  # of the query, that it contains
    created: float  # seconds since 1970
    importance: float


# Of a row `found`. Most candidates by meaning share no word: that is seen sooner than which words it would be.
SIMILARITY = "CASE WHEN found.embedding_model = %(model)s::text THEN 1 - (found.embedding <=> %(vector)s::halfvec) END"
SHARED = """
    CASE WHEN found.words @@ %(query)s::tsquery THEN
        ARRAY(SELECT unnest(%(words)s::text[]) INTERSECT SELECT unnest(tsvector_to_array(found.words)))
    ELSE '{}' END
"""
WEIGHED = "extract(epoch FROM found.created_at)::float8, found.importance_score::float8"
JUDGED = f"SELECT found.id, {SIMILARITY}, {SHARED}, {WEIGHED}"
_JUDGE = f"""
    {JUDGED} FROM memory_memoryrecord found
    WHERE found.tenant_id = %(tenant)s::uuid AND found.id = ANY(%(ids)s::uuid[]) AND {permitted("found")}
"""


def asked(wanted: Wanted) -> dict[str, Any]:
    """What stands in the places of these statements, and of those that are built of them."""
    return permitting.asked(wanted.sought) | {
        "tenant": tenancy.current(),
        "vector": Halves.of(wanted.vector) if wanted.vector else None,
        "model": wanted.model if wanted.vector else "",
        "words": list(wanted.words),
        "query": tsquery(wanted.words),
        "most": wanted.most,
    }


def judge(ids: Sequence[UUID], wanted: Wanted) -> list[Judged]:
    """In no order. What has nothing of the query, neither a word nor a vector to compare, is left out."""
    return read(prepared.ask(_JUDGE, asked(wanted) | {"ids": list(ids)}))


def read(rows: Iterable[Sequence[Any]]) -> list[Judged]:
    return [
        Judged(key, similarity, tuple(sorted(words)), created, importance)
        for key, similarity, words, created, importance in rows
        if words or similarity is not None
    ]


def tsquery(words: Sequence[str]) -> str:
    """Any of these lexemes, as the text of a tsquery."""
    return " | ".join("'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words)
