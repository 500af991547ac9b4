"""What was replaced or given up of the index has texts until it is dropped: no erasure is confirmed before that."""

import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from chimera.housekeeping import erase_memories
from chimera.kernel import tenancy
from chimera.kernel.embedded.weaviate import Address
from memory.actions import erasing, generations, indexing, lane, leftovers
from memory.models import Generation, GivenUp, MemoryErasure
from memory.states import ErasureStatus
from memory.stores.weaviate import collections
from memory.stores.weaviate.wire import wire
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.stores.conftest import drain, fresh, serving
from tests.races.dying import at_every_line

Settle = Any


@pytest.fixture
def gone(index: Address, acme: Stage, remember: Remember, settle: Settle) -> str:
    """A memory that is in the index, and to be erased."""
    made: str = remember(acme.ada, "of ada")["id"]
    settle()
    return made


def ask_for(acme: Stage) -> str:
    said = {"scope": "agent", "whose": acme.ada.id, "reason": "They asked."}
    made: str = acme.boss.post("memories/erasures", said).ok(202)["id"]
    return made


def receipt(acme: Stage, erasure: str) -> tuple[str, dict[str, str]]:
    """Where it stands after one more look, and what it waits for."""
    erase_memories()
    found = acme.boss.get(f"memories/erasures/{erasure}").ok()
    return found["status"], found["pending"]


def holders(acme: Stage, memory: str) -> list[str]:
    """Collections that still have it, whoever names them."""
    collections.forget()
    return [name for name in collections.all_of_ours() if collections.held(name, acme.tenant_id, memory)]  # type: ignore[arg-type]


def say(*words: str) -> str:
    """What `manage.py memory` says."""
    said = io.StringIO()
    call_command("memory", *words, stdout=said)
    return said.getvalue()


def replaced() -> str:
    """Another generation serves, and the process died before it dropped the one before; its name."""
    before = serving()
    generations.begin(why="a test")
    while generations.walk():
        pass
    assert serving() != before
    return before


def test_an_erasure_waits_for_what_was_replaced_and_is_not_dropped_yet(acme: Stage, gone: str) -> None:
    before = replaced()
    erasure = ask_for(acme)
    erase_memories()
    while indexing.push_waiting():
        pass
    assert holders(acme, gone) == [before]
    status, pending = receipt(acme, erasure)
    assert (status, list(pending)) == ("erased", ["index"])
    assert before in pending["index"]
    drain()
    assert holders(acme, gone) == []
    assert receipt(acme, erasure) == ("confirmed", {})


def test_an_erasure_waits_for_what_nobody_names(acme: Stage, gone: str) -> None:
    """As after a restore of PostgreSQL or of Weaviate."""
    collections.ensure("AgentMemory_19990101")
    collections.ensure_tenants("AgentMemory_19990101", [str(acme.tenant_id)])
    erasure = ask_for(acme)
    erase_memories()
    while indexing.push_waiting():
        pass
    status, pending = receipt(acme, erasure)
    assert (status, "AgentMemory_19990101" in pending["index"]) == ("erased", True)
    lane.look_at_once()
    drain()
    assert "AgentMemory_19990101" not in collections.all_of_ours()
    assert receipt(acme, erasure) == ("confirmed", {})


def test_what_another_program_has_is_left_alone(acme: Stage, gone: str) -> None:
    collections.ensure("AgentMemories")
    try:
        assert leftovers.drop() == []
        assert receipt(acme, ask_for(acme))[0] == "erased"
        drain()
        assert collections.describe("AgentMemories") is not None
    finally:
        collections.drop("AgentMemories")


def test_what_another_chimera_has_on_this_server_is_left_alone(acme: Stage, gone: str) -> None:
    """A staging house that names production's server by mistake: its relay drops nothing there, nor does `retire --drop`."""
    theirs, empty = "AgentMemory_20010101000000_abcdef", "AgentMemory_20010101000000_fedcba"
    plain = "AgentMemory_by_hand"
    try:
        collections.ensure(empty)
        collections.ensure(theirs)
        collections.ensure_tenants(theirs, [str(uuid4())])
        wire().rest("POST", "/schema", {"class": plain}, seconds=20)
        lane.look_at_once()
        drain()
        assert "there was nothing" in say("retire", "--drop")
        assert {theirs, empty, plain} < set(collections.all_of_ours())
        erasure = ask_for(acme)
        erase_memories()
        drain()
        assert receipt(acme, erasure) == ("confirmed", {})
    finally:
        for name in (theirs, empty, plain):
            collections.drop(name)


def test_an_erasure_waits_for_what_was_retired(acme: Stage, gone: str, index: Address, settings: Any) -> None:
    given_up = serving()
    settings.WEAVIATE_URL = ""
    assert "erasures wait for them" in say("retire")
    erasure = ask_for(acme)
    status, pending = receipt(acme, erasure)
    assert (status, f"{given_up}: given up" in pending["index"]) == ("erased", True)
    with pytest.raises(SystemExit):
        say("retire", "--drop")
    settings.WEAVIATE_URL = index.url
    assert holders(acme, gone) == [given_up]
    assert receipt(acme, erasure)[0] == "erased"
    assert say("retire", "--drop") == f"dropped: {given_up}\n"
    assert holders(acme, gone) == []
    settings.WEAVIATE_URL = ""
    assert receipt(acme, erasure) == ("confirmed", {})
    settings.WEAVIATE_URL = index.url


def test_a_server_that_is_no_more_is_the_operators_word(acme: Stage, gone: str, index: Address, settings: Any) -> None:
    given_up = serving()
    settings.WEAVIATE_URL = ""
    say("retire")
    erasure = ask_for(acme)
    assert receipt(acme, erasure)[0] == "erased"
    assert f"erasures wait for it: {given_up} of {index.url}\n" in say("status")
    assert say("retire", "--gone").startswith("gone, as you say: AgentMemory_")
    assert receipt(acme, erasure) == ("confirmed", {})
    assert say("retire", "--gone") == "gone, as you say: nothing was given up\n"
    settings.WEAVIATE_URL = index.url


def test_another_server_in_the_settings_does_not_make_the_first_one_empty(acme: Stage, gone: str) -> None:
    before = serving()
    Generation.objects.update(server="http://weaviate.before:8080")
    collections.drop(before)  # the one that the settings name now has never had it
    lane.look_at_once()
    drain()
    assert [(row.collection, row.server) for row in GivenUp.objects.all()] == [(before, "http://weaviate.before:8080")]
    erasure = ask_for(acme)
    erase_memories()
    drain()
    status, pending = receipt(acme, erasure)
    assert (status, before in pending["index"]) == ("erased", True)
    say("retire", "--gone")
    assert receipt(acme, erasure) == ("confirmed", {})


def test_a_server_under_another_name_is_the_same(acme: Stage, gone: str, index: Address) -> None:
    Generation.objects.update(server="http://the.same:8080")
    lane.look_at_once()
    drain()
    assert Generation.objects.get().server == index.url
    assert not GivenUp.objects.exists()


def test_an_erasure_waits_for_an_index_that_was_set_back(acme: Stage, gone: str) -> None:
    erasure = ask_for(acme)
    erase_memories()
    while indexing.push_waiting():
        pass
    Generation.objects.update(mark=F("mark") + 5)
    status, pending = receipt(acme, erasure)
    assert (status, "was set back" in pending["index"]) == ("erased", True)
    lane.look_at_once()
    drain()
    assert receipt(acme, erasure) == ("confirmed", {})


def test_while_the_server_is_away_nobody_says_that_it_has_nothing(acme: Stage, index: Address, settings: Any) -> None:
    erasure = ask_for(acme)  # of nothing at all
    settings.WEAVIATE_URL = "http://127.0.0.1:9"
    status, pending = receipt(acme, erasure)
    assert (status, "is away" in pending["index"]) == ("erased", True)
    settings.WEAVIATE_URL = index.url
    assert receipt(acme, erasure) == ("confirmed", {})


# ------------------------------------------------------------------ deaths


def mark() -> Any:
    """Whatever giving up, dropping or erasing changes."""
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT array_agg(collection) FROM memory_generation), (SELECT array_agg(collection) FROM memory_given_up),"
            " (SELECT count(*) FROM memory_memoryrecord), (SELECT array_agg((status, pending)::text) FROM memory_memoryerasure)"
        )
        return cursor.fetchone(), collections.all_of_ours()


def stage_it(acme: Stage, remember: Remember) -> tuple[str, str]:
    """A memory in the index and an erasure that PostgreSQL has carried out and the index has not heard of."""
    fresh()
    memory = remember(acme.ada, "of ada")["id"]
    drain()
    erasure = ask_for(acme)
    assert judge(acme, memory, erasure) == ErasureStatus.ERASED
    return memory, erasure


def judge(acme: Stage, memory: str, erasure: str) -> ErasureStatus:
    """Carry it on; what is confirmed is nowhere."""
    status = erasing.go_on(tenant_id=acme.tenant_id, erasure_id=erasure)  # type: ignore[arg-type]
    if status == ErasureStatus.CONFIRMED:
        assert holders(acme, memory) == []
    return status


@pytest.mark.slow
def test_who_dies_while_it_is_given_up_and_dropped_confirms_nothing_that_is_still_there(
    index: Address, acme: Stage, remember: Remember, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(django_settings, "LEASE", timedelta(hours=1))

    def act(scene: tuple[str, str]) -> None:
        collections.forget()
        generations.retire()
        judge(acme, *scene)
        leftovers.drop()
        assert judge(acme, *scene) == ErasureStatus.CONFIRMED

    def afterwards(scene: tuple[str, str]) -> None:
        judge(acme, *scene)
        act(scene)
        with acme.bound():
            assert not MemoryErasure.objects.exclude(status="confirmed").exists()
        assert not GivenUp.objects.exists()

    deaths = at_every_line(lambda: stage_it(acme, remember), act, afterwards, mark=mark)
    assert deaths > 20, deaths
