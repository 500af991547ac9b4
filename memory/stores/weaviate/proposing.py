"""A search of the index. PostgreSQL says first what the index has not heard of: what is written to it and taken off the list later, the
index finds. The other way round a memory could be in neither."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from chimera.kernel import prepared, tenancy
from memory.limits import UNINDEXED_MAX
from memory.models import MemoryRecord
from memory.stores.port import Wanted
from memory.stores.weaviate.breaker import searching
from memory.stores.weaviate.filters import permitted
from memory.stores.weaviate.schema import ALIAS, VECTOR
from memory.stores.weaviate.wire import IndexAway, UnknownClass, UnknownTenant, wire
from memory.stores.words import stems

if TYPE_CHECKING:
    from memory.stores.weaviate.protocol import search_get_pb2

SEARCH_SECONDS = 0.4  # then PostgreSQL answers instead: whoever searches waits

_STANDING = """
    SELECT EXISTS (SELECT 1 FROM memory_generation WHERE serving_since IS NOT NULL),
        EXISTS (SELECT 1 FROM memory_generation WHERE serving_since IS NULL),
        ARRAY(SELECT memory_id FROM memory_unindexed WHERE tenant_id = %(tenant)s::uuid LIMIT %(most)s::int)
"""


class NotAsked(Exception):
    """Why PostgreSQL answers alone, in a sentence for whoever searched."""


def propose(wanted: Wanted) -> tuple[list[UUID], list[UUID]]:
    """What the index finds, and all that it has not heard of yet; no memory is in both. Raises NotAsked.

    In the reader's transaction. The tenant is the one that this is bound to, and never a name that somebody sent.
    """
    unheard, words = _unheard(wanted.text if wanted.by_words else "")
    requests = _requests(wanted, words)
    if not requests:
        return [], unheard  # nobody was asked, so nothing was learned of the index
    try:
        with searching.guard():
            found = wire().search(requests, seconds=SEARCH_SECONDS)
    except UnknownTenant:
        found, unheard = [], _unheard_of_a_stranger()
    except UnknownClass:
        raise NotAsked("The index has lost its collection; it is made anew.") from None
    except IndexAway:
        raise NotAsked("The index does not answer, or not in time.") from None
    late = set(unheard)
    return [key for key in dict.fromkeys(found) if key not in late], unheard


def _unheard(text: str = "") -> tuple[list[UUID], list[str]]:
    """Memories of the tenant that were written since the index was, which is not asked when they are too many; and the words of a text."""
    asked = {"tenant": tenancy.current(), "most": UNINDEXED_MAX + 1}
    ((standing,), words) = prepared.ask_all([(_STANDING, asked), stems(text)])
    serving, filling, changed = standing
    if not serving:
        raise NotAsked("The index is being filled." if filling else "The index was never filled.")
    if len(changed) > UNINDEXED_MAX:
        raise NotAsked("The index has yet to catch up with what was written.")
    return list(changed), [word for (word,) in words]


def _unheard_of_a_stranger() -> list[UUID]:
    """All that a tenant has which the index does not know; else it has lost them."""
    unheard, _ = _unheard()
    if MemoryRecord.objects.kept().exclude(pk__in=unheard).exists():
        raise NotAsked("The index does not know this tenant's memories.")
    return unheard


def _requests(wanted: Wanted, words: Sequence[str]) -> "list[search_get_pb2.SearchRequest]":
    from memory.stores.weaviate.protocol import base_search_pb2

    requests = []
    if wanted.vector:
        numbers = np.asarray(wanted.vector, dtype="<f4").tobytes()
        near = base_search_pb2.NearVector(
            vector_bytes=numbers, targets=base_search_pb2.Targets(target_vectors=[VECTOR])
        )
        requests.append(_request(wanted, model=wanted.model, near_vector=near))
    if words:
        having = base_search_pb2.BM25(query=" ".join(words), properties=["words"])
        requests.append(_request(wanted, bm25_search=having))
    return requests


def _request(wanted: Wanted, *, model: str = "", **kind: Any) -> "search_get_pb2.SearchRequest":
    from memory.stores.weaviate.protocol import search_get_pb2

    return search_get_pb2.SearchRequest(
        collection=ALIAS,
        tenant=str(tenancy.current()),
        limit=wanted.most,
        metadata=search_get_pb2.MetadataRequest(uuid=True),
        properties=search_get_pb2.PropertiesRequest(),
        filters=permitted(wanted.sought, model=model),
        uses_123_api=True,
        uses_125_api=True,
        uses_127_api=True,
        **kind,
    )
