"""An index that dies, hangs, is set back or thrown away: nothing is lost, and searches are answered all the same."""

import os
import signal
from collections.abc import Iterator
from threading import Thread
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from django.core.management import call_command
from django.db import connections

from chimera.kernel import tenancy
from chimera.kernel.embedded import Weaviate
from chimera.kernel.embedded.weaviate import Address
from memory.actions import generations, indexing, lane
from memory.models import Generation, MemoryRecord
from memory.stores import Index
from memory.stores.weaviate import breaker, collections, proposing, wire
from memory.stores.weaviate.breaker import pushing, searching
from memory.stores.weaviate.protocol import search_get_pb2 as answers
from memory.stores.weaviate.wire import IndexAway
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.stores.conftest import drain, proposal, serving, waiting
from tests.processes.proc import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("index")]


@pytest.fixture
def server(index: Address, weaviate_server: Weaviate) -> Iterator[Weaviate]:
    """Which may be killed, and is there again afterwards."""
    yield weaviate_server
    if weaviate_server.alive():
        os.kill(weaviate_server.pid, signal.SIGCONT)
    weaviate_server.start()
    back()


def back() -> None:
    """Nobody waits for what was away; in life the pauses end by themselves."""
    searching.forget()
    lane.look_at_once()


def write(stage: Stage, number: int) -> list[MemoryRecord]:
    with stage.bound():
        return MemoryRecord.objects.bulk_create(MemoryRecord(content=f"harbour {n}") for n in range(number))


def test_killed_in_the_middle_of_a_load_it_has_all_in_the_end(acme: Stage, server: Weaviate) -> None:
    made = write(acme, 1_000)
    with pytest.raises(IndexAway):
        _push_until_killed(server)
    lost = waiting()
    assert 0 < lost < len(made), "it was killed in the middle"
    assert proposal(acme, "harbour").index is Index.POSTGRESQL
    server.start()
    back()
    drain()
    assert waiting() == 0
    assert all(collections.held(serving(), acme.tenant_id, row.pk) for row in made[:: len(made) // 50])
    assert _count(acme) == len(made)


def _push_until_killed(server: Weaviate) -> None:
    assert indexing.push_waiting()
    killer = Thread(target=server.kill)
    while indexing.push_waiting():
        if not killer.ident:
            killer.start()
    killer.join(20)


def _count(stage: Stage) -> int:
    found = wire.wire().rest("GET", f"/objects?class={serving()}&tenant={stage.tenant_id}&limit=2000")
    return len(found["objects"])


def test_what_is_written_while_it_is_down_is_found_and_comes_later(
    acme: Stage, server: Weaviate, remember: Remember
) -> None:
    server.kill()
    made = remember(acme.ada, "The harbour opens on the third of May.")
    answer = acme.bob.post("memories/search", {"query": "harbour"}).ok()
    assert [hit["memory"]["id"] for hit in answer["results"]] == [made["id"]]
    said = {"asked": "weaviate", "answered": "postgresql", "fallback": "The index does not answer, or not in time."}
    assert answer["index"] == said
    assert not lane.tend(), "the lane has nothing to do, and goes on"
    assert waiting() == 1
    server.start()
    back()
    drain()
    assert collections.held(serving(), acme.tenant_id, made["id"])
    answer = acme.bob.post("memories/search", {"query": "harbour"}).ok()
    assert answer["index"] == {"asked": "weaviate", "answered": "weaviate", "fallback": ""}


def test_one_that_hangs_is_not_waited_for(acme: Stage, server: Weaviate, remember: Remember) -> None:
    remember(acme.ada, "The harbour opens on the third of May.")
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.MonkeyPatch.context() as short:
        for module, name in ((proposing, "SEARCH"), (wire, "PUSH"), (wire, "LOOK")):
            short.setattr(module, f"{name}_SECONDS", 0.3)
        short.setattr(breaker, "PAUSE_SECONDS", 600.0)
        short.setattr(breaker, "PAUSE_SECONDS_MAX", 600.0)
        back()
        found = proposal(acme, "harbour")
        assert (found.index, len(found.ids)) == (Index.POSTGRESQL, 1)
        assert not lane.tend()
        for guarded in (searching, pushing):
            with pytest.raises(IndexAway, match=r"DEADLINE|Timeout"), guarded.guard():
                raise AssertionError("asked again at once")
    os.kill(server.pid, signal.SIGCONT)
    back()
    until(lambda: _asked_again(acme))
    drain()
    assert waiting() == 0


def _asked_again(stage: Stage) -> bool:
    return proposal(stage, "harbour").index is Index.WEAVIATE


def test_a_search_that_asks_it_nothing_does_not_make_it_well(acme: Stage, server: Weaviate) -> None:
    """Stop words alone: there is neither a word nor a vector to look up."""
    server.kill()
    with pytest.MonkeyPatch.context() as short:
        short.setattr(breaker, "PAUSE_SECONDS", 0.001)
        back()
        assert proposal(acme, "harbour").index is Index.POSTGRESQL
        assert acme.bob.post("memories/search", {"query": "the of", "mode": "keyword"}).ok()["results"] == []
        assert searching._breaker.is_open


def test_a_hanging_index_holds_no_other_lane_up(acme: Stage, server: Weaviate, remember: Remember) -> None:
    """Its step fails quietly, so the lane's facts are done, and nothing of it is parked."""
    from tests.lanes import settle

    server.kill()
    made = remember(acme.ada, "The harbour opens on the third of May.")
    settle()
    with acme.bound():
        assert MemoryRecord.objects.get(pk=made["id"]).embedding_model
    with tenancy.system():
        from chimera.kernel.models import ParkedEvent

        assert not ParkedEvent.objects.exists()


def test_set_back_to_its_own_backup_it_is_made_anew(acme: Stage, server: Weaviate) -> None:
    (old,) = write(acme, 1)
    drain()
    call_command("weaviate_backup", "make", "before")
    (new,) = write(acme, 1)
    with acme.bound():
        MemoryRecord.objects.filter(pk=old.pk).update(persona="pilot")
    drain()
    stale = serving()
    call_command("weaviate_backup", "restore", "before", "--replace")
    collections.forget()
    assert not collections.held(stale, acme.tenant_id, new.pk), "it was set back"
    back()
    drain()
    assert serving() != stale
    assert all(collections.held(serving(), acme.tenant_id, row.pk) for row in (old, new))
    assert collections.all_of_ours() == [serving()]
    assert set(proposal(acme, "harbour").ids) == {old.pk, new.pk}


def test_restored_as_it_was_it_goes_on(acme: Stage, server: Weaviate) -> None:
    (row,) = write(acme, 1)
    drain()
    kept = serving()
    call_command("weaviate_backup", "make", "now")
    call_command("weaviate_backup", "restore", "now", "--replace")
    collections.forget()
    back()
    drain()
    assert serving() == kept
    assert collections.held(kept, acme.tenant_id, row.pk)
    assert proposal(acme, "harbour").index is Index.WEAVIATE


def test_its_data_thrown_away_it_is_filled_again(acme: Stage, server: Weaviate) -> None:
    rows = write(acme, 300)
    drain()
    server.kill()
    assert server.set_data_aside()
    server.start()
    collections.forget()
    back()
    assert proposal(acme, "harbour").index is Index.POSTGRESQL
    searching.forget()
    drain()
    assert _count(acme) == len(rows)
    assert proposal(acme, "harbour").index is Index.WEAVIATE


def test_the_class_dropped_loses_nothing(acme: Stage) -> None:
    rows = write(acme, 3)
    drain()
    collections.drop(serving())
    found = proposal(acme, "harbour")
    assert set(found.ids) == {row.pk for row in rows}
    assert found.fallback
    back()
    drain()
    assert proposal(acme, "harbour").index is Index.WEAVIATE
    assert _count(acme) == 3


def test_while_a_new_one_is_filled_the_old_one_answers(acme: Stage) -> None:
    rows = write(acme, indexing.INDEX_BATCH + 10)
    drain()
    old = serving()
    generations.begin(why="a test")
    assert generations.walk()
    (late,) = write(acme, 1)
    with acme.bound():
        MemoryRecord.objects.filter(pk=rows[0].pk).delete()
    assert proposal(acme, "harbour").index is Index.WEAVIATE
    assert serving() == old
    drain()
    assert serving() != old
    assert collections.held(serving(), acme.tenant_id, late.pk)
    assert not collections.held(serving(), acme.tenant_id, rows[0].pk)
    assert _count(acme) == len(rows)
    assert collections.all_of_ours() == [serving()]


def test_a_walk_that_was_cut_short_goes_on_where_it_was(acme: Stage) -> None:
    write(acme, 2 * indexing.INDEX_BATCH)
    drain()
    begun = generations.begin(why="a test")
    assert generations.walk()
    connections.close_all()
    again = generations.begin(why="another try")
    assert (again.collection, again.walked) == (begun.collection, indexing.INDEX_BATCH)
    drain()
    assert Generation.objects.get().walked == 2 * indexing.INDEX_BATCH


def test_an_answer_that_names_no_memories_is_none(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    write(acme, 3)
    drain()
    named = answers.SearchResult(metadata=answers.MetadataResult(id="harbour 1"))
    reply = answers.SearchReply(results=[named])
    call = SimpleNamespace(result=lambda: reply, cancel=lambda: None)
    search = Mock(return_value=reply, future=Mock(return_value=call))
    monkeypatch.setitem(vars(wire.wire()), "_stub", SimpleNamespace(Search=search))
    found = proposal(acme, "harbour")
    assert (found.index, len(found.ids)) == (Index.POSTGRESQL, 3)
    assert "does not answer" in found.fallback
    back()
