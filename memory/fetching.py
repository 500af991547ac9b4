"""The few memories that are shown, or compared with those: their rows, and which of them lie near one another, in one round trip."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from chimera.kernel import prepared, tenancy
from memory import permitting
from memory.models import MemoryRecord
from memory.permitting import permitted
from memory.queries import HEAVY, Sought

Near = Mapping[UUID, Mapping[UUID, float]]  # cosines, by both of a pair

# Vectors are unpacked once each: they lie out of line, and a pair would fetch both anew. Rows of the bound tenant, which the caller found.
_NEAR_PAIRS = """
    WITH found AS MATERIALIZED (
        SELECT id, embedding_model, l2_normalize(embedding) AS direction
        FROM memory_memoryrecord WHERE id = ANY(%(ids)s::uuid[]) AND embedding IS NOT NULL
    )
    SELECT a.id, b.id, -(a.direction <#> b.direction) AS similarity
    FROM found a JOIN found b ON a.id < b.id AND a.embedding_model = b.embedding_model
    WHERE -(a.direction <#> b.direction) >= %(least)s::float8
"""


def fetch(ids: Sequence[UUID], sought: Sought, *, least: float) -> tuple[dict[UUID, Any], Near]:
    """The rows by their ids, with a memory's fields, but for what only the database computes with; and those pairs of them whose vectors,
    of one model, have at least this cosine to each other.

    What may be found is asked once more, so that no text is shown that was forgotten since it was judged.
    """
    if not ids:
        return {}, {}
    asked = permitting.asked(sought) | {"tenant": tenancy.current(), "ids": list(ids), "least": least}
    rows, pairs = prepared.ask_all([(_rows(), asked), (_NEAR_PAIRS, asked)])
    found = map(prepared.named(MemoryRecord, without=HEAVY), rows)
    near: dict[UUID, dict[UUID, float]] = defaultdict(dict)
    for one, other, similarity in pairs:
        near[one][other] = near[other][one] = similarity
    return {row.id: row for row in found}, near


def record(row: Any) -> MemoryRecord:
    """Of a row that was fetched. To make one takes longer than to read it, and most are compared and not shown."""
    return prepared.instance(MemoryRecord, row, without=HEAVY)


@cache
def _rows() -> str:
    return f"""
        SELECT {prepared.columns(MemoryRecord, "r", without=HEAVY)} FROM memory_memoryrecord r
        WHERE r.tenant_id = %(tenant)s::uuid AND r.id = ANY(%(ids)s::uuid[]) AND {permitted("r")}
    """
