"""A generation that is begun and not filled yet: what may happen before its first batch, and in the middle of its walk."""

from uuid import uuid4

import pytest

from memory.actions import drift, generations, indexing
from memory.models import Generation, MemoryRecord
from memory.stores.weaviate import collections, schema
from memory.stores.weaviate.wire import wire
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.stores.conftest import drain, proposal, serving

pytestmark = pytest.mark.usefixtures("index")


def test_what_is_forgotten_before_the_collection_is_made_holds_nothing_up(acme: Stage, remember: Remember) -> None:
    """As when the index is away while it is begun, and somebody forgets something meanwhile."""
    made, kept = remember(acme.ada, "of ada"), remember(acme.bob, "of bob")
    generations.retire()
    begun = generations.begin(why="a test")
    acme.otto.post(f"memories/{made['id']}/forget", {"reason": "untrue"}).ok()
    assert collections.describe(begun.collection) is None
    drain()
    assert serving() == begun.collection
    assert collections.held(begun.collection, acme.tenant_id, kept["id"])


def test_one_that_was_begun_before_a_property_was_declared_is_begun_over(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a new version starts while an index is being filled: what was walked already lacks the property."""
    before = serving()
    monkeypatch.setattr(indexing, "INDEX_BATCH", 1)
    monkeypatch.setattr(generations, "INDEX_BATCH", 1)
    with acme.bound():
        MemoryRecord.objects.bulk_create(MemoryRecord(content=f"harbour {n}", persona="pilot") for n in range(3))
    declared = [said for said in schema.PROPERTIES if said["name"] != "persona"]
    with monkeypatch.context() as older:
        older.setattr(schema, "PROPERTIES", declared)
        half = generations.begin(why="a test")
        generations.walk()
    assert Generation.objects.get(pk=half.pk).walked == 1
    assert drift.repair(drift.compare()) == []
    assert collections.describe(half.collection) is None
    drain()
    assert serving() not in (before, half.collection)
    objects = wire().rest("GET", f"/objects?class={serving()}&tenant={acme.tenant_id}")["objects"]
    assert [one["properties"].get("persona") for one in objects] == ["pilot"] * 3
    assert len(proposal(acme, "harbour").ids) == 3


def test_a_property_that_is_missing_is_a_drift_until_another_is_begun(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who dies between the two finds it again; else the index would pass for whole."""
    declared = [*schema.PROPERTIES, schema.PROPERTIES[-1] | {"name": f"seen_{uuid4().hex[:6]}"}]
    monkeypatch.setattr(schema, "PROPERTIES", declared)

    def dies(collection: str, said: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(collections, "add_property", dies)
        with pytest.raises(KeyboardInterrupt):
            drift.repair(drift.compare())
    assert Generation.objects.filter(serving_since__isnull=True).exists()
