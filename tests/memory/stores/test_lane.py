"""The lane `index`: every change of a memory comes to the index, by whichever way it was made."""

from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections, transaction

from chimera.kernel import ids, tenancy
from memory.actions import generations, indexing, lane
from memory.limits import UNINDEXED_MAX
from memory.models import Generation, MemoryRecord, Unindexed
from memory.stores import Index
from memory.stores.weaviate import collections, objects, proposing
from memory.stores.weaviate.breaker import pushing
from memory.stores.weaviate.wire import Wire, wire
from tests.cast import Stage
from tests.memory.conftest import Ask, Remember, texts
from tests.memory.stores.conftest import drain, serving, waiting, wanted
from tests.memory.stores.conftest import proposal as asked
from tests.processes.proc import until

pytestmark = pytest.mark.usefixtures("index")


def held(stage: Stage, memory_id: Any) -> bool:
    return collections.held(serving(), stage.tenant_id, memory_id)


def test_a_memory_comes_to_the_index_with_its_vector(acme: Stage, remember: Remember, settle: Any, ask: Ask) -> None:
    made = remember(acme.ada, "The harbour opens on the third of May.")
    assert waiting() == 1
    settle()
    assert waiting() == 0
    assert held(acme, made["id"])
    assert texts(ask(acme.bob, "When can ships come in?", mode="vector")) == [made["content"]]


def test_a_memory_is_found_before_the_index_has_heard_of_it(acme: Stage, remember: Remember) -> None:
    remember(acme.ada, "The harbour opens on the third of May.")
    drain()
    fresh = remember(acme.ada, "The harbour closes in autumn.")
    assert waiting() == 1
    found = asked(acme, "harbour")
    assert UUID(fresh["id"]) in found.ids
    assert found.index is Index.WEAVIATE


def test_what_is_forgotten_goes(acme: Stage, remember: Remember) -> None:
    made = remember(acme.ada, "The harbour opens on the third of May.")
    drain()
    acme.otto.post(f"memories/{made['id']}/forget", {"reason": "untrue"}).ok()
    assert asked(acme, "harbour").ids in ((), (UUID(made["id"]),))  # proposed, until the index has heard
    assert acme.otto.post("memories/search", {"query": "harbour"}).ok()["results"] == []
    drain()
    assert not held(acme, made["id"])


def test_raw_changes_come_as_well(acme: Stage) -> None:
    with acme.bound():
        one, other = MemoryRecord.objects.bulk_create(MemoryRecord(content=f"raw {n}") for n in range(2))
    drain()
    assert held(acme, one.pk)
    with acme.bound(), connection.cursor() as cursor:
        cursor.execute("UPDATE memory_memoryrecord SET persona = 'pilot', version = 7 WHERE id = %s", [one.pk])
        cursor.execute("DELETE FROM memory_memoryrecord WHERE id = %s", [other.pk])
    drain()
    found = wire().rest("GET", f"/objects/{serving()}/{one.pk}?tenant={acme.tenant_id}")["properties"]
    assert (found["persona"], found["version"]) == ("pilot", 7)
    assert not held(acme, other.pk)


def test_what_is_rolled_back_is_not_noted(acme: Stage) -> None:
    with acme.bound():
        MemoryRecord.objects.create(content="not to be")
        transaction.set_rollback(True)
    assert waiting() == 0


def test_nothing_is_noted_without_an_index(acme: Stage) -> None:
    with acme.bound():
        MemoryRecord.objects.create(content="noted")
    assert waiting() == 1
    generations.retire()
    with acme.bound():
        MemoryRecord.objects.create(content="not noted")
    assert waiting() == 0


def test_a_writer_who_does_not_know_of_the_index_yet_is_waited_for(acme: Stage) -> None:
    """It began while nothing was noted, and commits when the walk has passed its memory by."""
    generations.retire()
    begun: list[Generation] = []
    with acme.bound():
        early = MemoryRecord.objects.create(content="written early, committed late")
        beginner = Thread(target=lambda: begun.append(_begin()))
        beginner.start()
        until(_somebody_waits_for_a_lock)
        assert begun == []
    beginner.join(20)
    assert begun
    drain()
    assert held(acme, early.pk)


def _begin() -> Generation:
    try:
        return generations.begin(why="a test")
    finally:
        connections.close_all()


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_an_index_that_is_far_behind_is_not_asked(acme: Stage) -> None:
    with acme.bound():
        MemoryRecord.objects.bulk_create(MemoryRecord(content=f"harbour {n}") for n in range(UNINDEXED_MAX + 1))
    behind = asked(acme, "harbour")
    assert (behind.index, behind.fallback) == (
        Index.POSTGRESQL,
        "The index has yet to catch up with what was written.",
    )
    drain()
    assert asked(acme, "harbour").index is Index.WEAVIATE


def test_what_the_index_refuses_holds_nobody_up(acme: Stage) -> None:
    """A property of a kind that no persona is of: memories with a persona are refused, each for itself."""
    _with_a_persona_of_numbers()
    with acme.bound():
        good = MemoryRecord.objects.create(content="no persona at the harbour")
        poison = MemoryRecord.objects.create(content="a persona at the harbour", persona="pilot")
    drain()
    assert held(acme, good.pk)
    assert not held(acme, poison.pk)
    with tenancy.system():
        (row,) = Unindexed.objects.all()
    assert (row.memory_id, row.attempts) == (poison.pk, 1)
    assert "persona" in row.refusal
    assert set(asked(acme, "harbour").ids) == {good.pk, poison.pk}, "it is found all the same"
    for _ in range(indexing.INDEX_ATTEMPTS_MAX):
        with tenancy.system():
            Unindexed.objects.update(due_at=row.noted_at)
        drain()
    with tenancy.system():
        (row,) = Unindexed.objects.all()
    assert row.due_at - row.noted_at > indexing.PARKED_AGAIN / 2


def _with_a_persona_of_numbers() -> None:
    from memory.stores.weaviate import schema

    generation = Generation.objects.get()
    collections.drop(generation.collection)
    declared = schema.declaration(generation.collection)
    declared["properties"] = [
        {"name": "persona", "dataType": ["int"]} if said["name"] == "persona" else said for said in schema.PROPERTIES
    ]
    wire().rest("POST", "/schema", declared, seconds=20)
    collections.ensure(generation.collection)
    collections.point_at(generation.collection)
    wire().push([objects.mark(generation.mark, collection=generation.collection)])


def test_a_wrong_answer_is_seen_by_nobody(acme: Stage, zenith: Stage, remember: Remember) -> None:
    """Objects under a tenant whose they are not, one of a memory that was never there, and one that was forgotten since."""
    secret = remember(acme.ada, "The harbour master's birthday is in June.")
    forgotten = remember(zenith.ada, "The harbour is closed.")
    drain()
    zenith.otto.post(f"memories/{forgotten['id']}/forget", {"reason": "untrue"}).ok()
    drain()
    collection = serving()
    with tenancy.system():
        (row,) = objects.rows([UUID(secret["id"])])
    false = [objects.made_of(row, collection=collection) for _ in range(3)]
    for made, key in zip(false, (secret["id"], str(uuid4()), forgotten["id"]), strict=True):
        made.tenant, made.uuid = str(zenith.tenant_id), key
    assert wire().push(false) == {}
    with zenith.bound():
        lies, unheard = proposing.propose(wanted("harbour"))
    assert ({str(key) for key in lies}, unheard) == ({made.uuid for made in false}, [])
    assert zenith.ada.post("memories/search", {"query": "harbour"}).ok()["results"] == []


def test_a_tenant_whom_the_index_has_lost_is_answered_by_postgresql(acme: Stage, remember: Remember) -> None:
    made = remember(acme.ada, "The harbour opens on the third of May.")
    drain()
    collections.drop_tenant(serving(), str(acme.tenant_id))
    found = asked(acme, "harbour")
    assert (found.ids, found.index) == ((UUID(made["id"]),), Index.POSTGRESQL)
    assert found.fallback == "The index does not know this tenant's memories."


def test_a_tenant_without_memories_is_no_fallback(acme: Stage) -> None:
    found = asked(acme, "harbour")
    assert (found.ids, found.index, found.fallback) == ((), Index.WEAVIATE, "")


def test_two_who_write_take_turns(acme: Stage) -> None:
    with acme.bound():
        MemoryRecord.objects.create(id=ids.uuid7(), content="harbour")
    refused: list[BaseException] = []
    with indexing.writing():
        other = Thread(target=lambda: refused.append(_refusal()))
        other.start()
        other.join(20)
    assert [type(one) for one in refused] == [indexing.Busy]
    assert indexing.push_waiting()


def _refusal() -> BaseException:
    try:
        indexing.push_waiting()
    except BaseException as refusal:
        return refusal
    finally:
        connections.close_all()
    return AssertionError("it wrote")


def test_what_the_index_lost_of_a_tenant_comes_back_with_its_next_memory(acme: Stage, remember: Remember) -> None:
    """Told of the next one alone it would pass for whole, and be believed."""
    made = {UUID(remember(acme.ada, f"harbour {n}")["id"]) for n in range(3)}
    drain()
    wire().rest("DELETE", f"/schema/{serving()}/tenants", [str(acme.tenant_id)])
    made.add(UUID(remember(acme.ada, "harbour, once more")["id"]))
    while waiting():
        pushing.forget()
        lane.tend()
        found = asked(acme, "harbour")
        assert found.fallback or made <= set(found.ids)
    assert all(held(acme, memory_id) for memory_id in made)
    assert (found.index, found.fallback) == (Index.WEAVIATE, "")


def test_what_comes_to_it_during_a_search_is_found(
    acme: Stage, remember: Remember, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered before the memory was written to it, and the list read after it was taken off."""
    remember(acme.ada, "The harbour opens on the third of May.")
    drain()
    late = remember(acme.ada, "The harbour closes in autumn.")
    search, searches = Wire.search, []

    def overtaken(self: Wire, requests: Any, *, seconds: float) -> Any:
        found = search(self, requests, seconds=seconds)
        searches.append(requests)
        writer = Thread(target=_drained)
        writer.start()
        writer.join(60)
        return found

    monkeypatch.setattr(Wire, "search", overtaken)
    assert UUID(late["id"]) in asked(acme, "harbour").ids
    assert [len(requests) for requests in searches] == [2], "by meaning and by words"
    assert waiting() == 0, "the list was empty when the search ended"


def _drained() -> None:
    try:
        drain()
    finally:
        connections.close_all()


WINDOWS = {
    "open": ({}, ["1600-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9000-01-01T00:00:00Z"], []),
    "long over": (
        {"valid_until": "1650-01-01T00:00:00Z"},
        ["1600-01-01T00:00:00Z", "1649-12-31T00:00:00Z"],
        ["1650-01-01T00:00:00Z", "1700-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
    ),
    "far ahead": (
        {"valid_from": "2300-01-01T00:00:00Z"},
        ["2300-01-01T00:00:00Z", "9000-01-01T00:00:00Z"],
        ["2026-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "2299-12-31T00:00:00Z"],
    ),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_whatever_time_is_asked_for_both_indexes_find_the_same(acme: Stage, remember: Remember, window: str) -> None:
    valid, found_at, not_found_at = WINDOWS[window]
    made = remember(acme.ada, "The harbour opens on the third of May.", **valid)
    remember(acme.ada, "The harbour is deep.")  # or an index that finds nothing is not believed
    drain()
    for at in (*found_at, *not_found_at):
        said = acme.otto.post("memories/search", {"query": "harbour", "as_of": at}).ok()
        assert said["index"]["answered"] == "weaviate", at
        assert (made["content"] in texts(said["results"])) is (at in found_at), at
