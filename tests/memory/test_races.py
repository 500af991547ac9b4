"""Two callers change the same memory at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from memory.actions import records
from memory.models import MemoryRecord
from tests.cast import Caller, Said, Stage

RACERS = 4


def all_at_once(acme: Stage, path: str, body: dict[str, Any]) -> list[Said]:
    barrier = Barrier(RACERS)
    who = [Caller(acme.ada.secret) for _ in range(RACERS)]

    def go(caller: Caller) -> Said:
        try:
            barrier.wait(10)
            return caller.post(path, body)
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
