"""The index in the tests: a real Weaviate that knows nothing but what the test writes."""

from collections.abc import Iterator

import pytest

from chimera.kernel import tenancy
from chimera.kernel.embedded.weaviate import Address
from memory.actions import lane
from memory.models import Generation, Unindexed
from memory.stores.weaviate import collections
from memory.stores.weaviate.breaker import searching
from memory.stores.weaviate.schema import ALIAS
from memory.stores.weaviate.wire import wire


@pytest.fixture
def index(db: None, weaviate: Address) -> Iterator[Address]:
    """Begun and serving, and empty; its collections go with the test."""
    fresh()
    drain()
    yield weaviate
    clear()


def fresh() -> None:
    """What other tests knew or left is forgotten."""
    clear()
    lane.look_at_once()
    searching.forget()


def clear() -> None:
    wire().rest("DELETE", f"/aliases/{ALIAS}", absent=True)
    for collection in collections.all_of_ours():
        collections.drop(collection)
    collections.forget()


def drain() -> None:
    """Everything that waits is in the index."""
    while lane.tend():
        pass


def serving() -> str:
    return Generation.objects.get(serving_since__isnull=False).collection


def waiting() -> int:
    """Changes of anybody's memories that the index has not heard of."""
    with tenancy.system():
        return Unindexed.objects.count()
