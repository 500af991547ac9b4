"""Several callers write or change the same memory at the same moment."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections

from memory import sameness
from memory.actions import records, vectors
from memory.embedders import TextRefused
from memory.models import MemoryRecord, MemorySighting
from tests.cast import Caller, Said, Stage
from tests.races.threads import InBackground, wait_for_waiters

RACERS = 4


def all_at_once(acme: Stage, path: str, *bodies: dict[str, Any], by: Sequence[Caller] = ()) -> list[Said]:
    """Each racer posts one of the bodies, in turns: Ada under her key, or each of these."""
    barrier, racers = Barrier(RACERS), by or [acme.ada] * RACERS
    who = [(Caller(racers[n].secret), bodies[n % len(bodies)]) for n in range(RACERS)]

    def go(racer: tuple[Caller, dict[str, Any]]) -> Said:
        try:
            barrier.wait(10)
            return racer[0].post(path, racer[1])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(go, who))


def successors(acme: Stage) -> int:
    with acme.bound():
        return MemoryRecord.objects.filter(content="two").count()


@pytest.mark.parametrize("guarded", [False, True])
def test_of_many_corrections_at_once_one_wins(acme: Stage, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = acme.ada.post("memories", {"content": "one"}).ok(201)
    if not guarded:  # The control: without its guard every correction would win.
        monkeypatch.setattr(records, "_check_present", lambda memory: None)
    said = all_at_once(acme, f"memories/{memory['id']}/supersede", {"content": "two"})
    if not guarded:
        assert [s.status for s in said] == [201] * RACERS
        assert successors(acme) == RACERS
        return
    (winner,) = [s for s in said if s.status == 201]
    for loser in (s for s in said if s is not winner):
        assert loser.refused(409, "memory_superseded")["superseded_by"] == winner["id"]
    assert successors(acme) == 1


def test_a_memory_is_forgotten_by_one_of_many_at_once(acme: Stage) -> None:
    memory = acme.ada.post("memories", {"content": "one"}).ok(201)
    said = all_at_once(acme, f"memories/{memory['id']}/forget", {"reason": "wrong"})
    assert sorted(s.status for s in said)[0] == 200
    assert sum(s.status == 200 for s in said) == 1
    assert {s.body["code"] for s in said if s.status != 200} <= {"memory_forgotten", "stale", "not_found"}


@pytest.mark.parametrize("guarded", [False, True])
def test_of_many_who_say_the_same_at_once_one_adds_it(
    acme: Stage, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not guarded:  # The control: without the digest of the words each of them would add a memory.
        monkeypatch.setattr(sameness, "digest_of", lambda columns: uuid4().bytes * 2)
    bodies = [{"content": "one", "source": {"file": f"{n}.txt"}} for n in range(RACERS)]
    said = all_at_once(acme, "memories", *bodies, by=[acme.ada, acme.bob, acme.pia, acme.jude])
    if not guarded:
        assert [s.status for s in said] == [201] * RACERS
        return
    assert sorted(s.status for s in said) == [200] * (RACERS - 1) + [201]
    assert len({s["id"] for s in said}) == 1
    with acme.bound():
        memory = MemoryRecord.objects.get()
        assert (memory.sightings, MemorySighting.objects.count()) == (RACERS - 1, RACERS - 1)
    weight = memory.importance_score
    expected = records.IMPORTANCE_DEFAULT
    for _ in range(RACERS - 1):
        expected = sameness.lifted(expected, records.IMPORTANCE_DEFAULT)
    assert weight == expected, "no voice is lost"


def test_batches_with_the_same_words_in_opposite_orders_do_not_wait_in_a_circle(acme: Stage) -> None:
    for round in range(4):
        words = [{"content": f"{round} {n}"} for n in range(100)]
        said = all_at_once(acme, "memories/batch", {"memories": words}, {"memories": words[::-1]})
        assert [s.status for s in said] == [200] * RACERS
        came = [outcome["came"] for s in said for outcome in s["outcomes"]]
        assert came.count("added") == 100


def test_an_embedder_and_who_locks_several_memories_do_not_wait_in_a_circle(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a text is refused: it is locked in its turn, and not before the others."""
    made = acme.ada.post("memories/batch", {"memories": [{"content": f"text {n}"} for n in range(3)]}).ok()["outcomes"]
    first, *_, refused = sorted(UUID(outcome["memory"]["id"]) for outcome in made)

    def embed_each(texts: Sequence[str], **_: Any) -> list[Any]:
        return [TextRefused("no") if text == "text 2" else [1.0] + [0.0] * 1535 for text in texts]

    monkeypatch.setattr(vectors, "embedder", lambda: SimpleNamespace(model="tiny", embed_each=embed_each))
    with acme.bound():
        MemoryRecord.objects.select_for_update().get(pk=first)
        embedding = InBackground(lambda: vectors.embed_batch(tenant_id=acme.tenant_id))
        wait_for_waiters()
        MemoryRecord.objects.select_for_update().get(pk=refused)
    assert embedding.answer() == 3
    with acme.bound():
        rows = MemoryRecord.objects.order_by("pk").values_list("embedding_model", "embedding_fault__reason")
        assert list(rows) == [("tiny", None), ("tiny", None), ("", "no")]
