"""From a memory's row to an object of the index, with the row's id as its own: written twice it is there once."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.db.models import F, Func, TextField

from memory.models import MemoryRecord
from memory.stores.weaviate.filters import begins, ends, moment
from memory.stores.weaviate.schema import VECTOR

if TYPE_CHECKING:
    from memory.stores.weaviate.protocol import batch_pb2

MARK_TENANT = "mark"  # no tenant's id, so that nobody's search comes here
MARK_ID = UUID(int=1)


def rows(ids: Iterable[UUID]) -> list[Any]:
    """The memories of these ids that may be found, as they are now; in a transaction of chimera_system."""
    stems = Func(
        F("words"), function="tsvector_to_array", template="array_to_string(%(function)s(%(expressions)s), ' ')"
    )
    found = MemoryRecord.objects.kept().filter(pk__in=list(ids)).light()
    return list(
        found.annotate(
            stems=Func(stems, template="%(expressions)s", output_field=TextField()),
            vector_text=Func(F("vector__embedding"), template="(%(expressions)s)::text", output_field=TextField()),
        )
    )


def made_of(row: Any, *, collection: str) -> "batch_pb2.BatchObject":
    return _object(row.pk, row.tenant_id, collection, _properties(row), row.vector_text)


def mark(number: int, *, collection: str) -> "batch_pb2.BatchObject":
    """What tells how far the index was filled; it goes with each batch, in the same call."""
    return _object(MARK_ID, MARK_TENANT, collection, {"version": number}, None)


def _object(
    key: UUID, tenant: object, collection: str, properties: dict[str, Any], vector: str | None
) -> "batch_pb2.BatchObject":
    from google.protobuf.struct_pb2 import Struct

    from memory.stores.weaviate.protocol import base_pb2, batch_pb2

    said = Struct()
    said.update(properties)
    vectors = []
    if vector:
        numbers = np.fromstring(vector[1:-1], dtype="<f4", sep=",").tobytes()
        vectors = [base_pb2.Vectors(name=VECTOR, vector_bytes=numbers, type="VECTOR_TYPE_SINGLE_FP32")]
    return batch_pb2.BatchObject(
        uuid=str(key),
        collection=collection,
        tenant=str(tenant),
        properties=batch_pb2.BatchObject.Properties(non_ref_properties=said),
        vectors=vectors,
    )


def _properties(row: Any) -> dict[str, Any]:
    said = {
        "content": row.content,
        "words": row.stems,
        "tenant_id": str(row.tenant_id),
        "session_id": _text(row.session_id),
        "task_id": _text(row.task_id),
        "agent_id": _text(row.agent_id),
        "agent_role": row.agent_role,
        "persona": row.persona,
        "impersonal": row.persona == "",
        "category": row.category,
        "visibility": row.visibility,
        "embedding_model": row.embedding_model,
        "result_id": _text(row.source_result),
        "source": json.dumps(row.source, ensure_ascii=False),
        "superseded_by": _text(row.superseded_by_id),
        "importance_score": float(row.importance_score),
        "version": row.version,
        "created_at": moment(row.created_at),
        "valid_from": begins(row.valid_from),
        "valid_until": ends(row.valid_until, row.superseded_at),
    }
    return {name: value for name, value in said.items() if value != ""}


def _text(key: UUID | None) -> str:
    return str(key) if key else ""
