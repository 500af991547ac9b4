"""The index in the tests: a real Weaviate that knows nothing but what the test writes."""

from collections.abc import Iterator

import pytest

from chimera.kernel import clock, tenancy
from chimera.kernel.embedded.weaviate import Address
from memory.actions import lane
from memory.embedders import embedder
from memory.models import Generation, Unindexed
from memory.queries import Sought, Viewer
from memory.ranking import Mode
from memory.stores import Answer, Wanted, look_up
from memory.stores.weaviate import collections, proposing
from memory.stores.weaviate.breaker import pushing, searching
from memory.stores.weaviate.schema import ALIAS
from memory.stores.weaviate.wire import wire
from tests.cast import Stage
from tests.processes.proc import until


@pytest.fixture
def index(db: None, weaviate: Address, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """Begun and serving, and empty; its collections go with the test.

    Searches have more time than in life: on a machine that does much else an index may take longer than anybody would wait.
    """
    monkeypatch.setattr(proposing, "SEARCH_SECONDS", 20.0)
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
    """Everything that waits is in the index, and one generation serves. A server that was restarted may refuse the first calls."""
    until(_is_drained, seconds=60)


def _is_drained() -> bool:
    pushing.forget()
    if lane.tend():
        return False
    with tenancy.system():
        left = Unindexed.objects.filter(due_at__isnull=True).exists()
    return not left and [bool(one.serving_since) and not one.replaces for one in Generation.objects.all()] == [True]


def serving() -> str:
    return Generation.objects.get(serving_since__isnull=False).collection


def waiting() -> int:
    """Changes of anybody's memories that the index has not heard of."""
    with tenancy.system():
        return Unindexed.objects.count()


def wanted(query: str) -> Wanted:
    """By a person, these words and their meaning. In a bound transaction."""
    (vector,) = embedder().embed([query])
    sought = Sought(viewer=Viewer(), at=clock.now())
    return Wanted(
        sought=sought, mode=Mode.HYBRID, most=100, best=200, vector=vector, model=embedder().model, text=query
    )


def proposal(stage: Stage, query: str) -> Answer:
    with stage.bound():
        return look_up(wanted(query))
