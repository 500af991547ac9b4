"""Whoever embeds, or forgets, dies by SIGKILL at every line: a memory and its vector say the same, and the next look goes on."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from chimera.kernel import tenancy
from memory.actions import records, vectors
from memory.models import MemoryRecord, MemoryVector
from tests.cast import Stage
from tests.races.dying import at_every_line

pytestmark = pytest.mark.slow
MEMORIES = 3


def embed(acme: Stage, ids: list[UUID]) -> None:
    vectors.embed_batch(tenant_id=acme.tenant_id)


def forget(acme: Stage, ids: list[UUID]) -> None:
    with acme.bound():
        memory = MemoryRecord.objects.get(pk=ids[0])
        if memory.forgotten_at is None:
            records.forget(memory=memory, reason="wrong", by=acme.otto.actor)


@pytest.mark.parametrize(("act", "first", "held"), [(embed, False, MEMORIES), (forget, True, MEMORIES - 1)])
def test_a_death_at_any_line_leaves_no_memory_that_says_otherwise_than_it_has(
    acme: Stage, act: Callable[[Stage, list[UUID]], None], first: bool, held: int
) -> None:
    scenes = iter(range(10_000))

    def prepare() -> list[UUID]:
        scene = next(scenes)
        said = [{"content": f"The ferry {n} of {scene} is late."} for n in range(MEMORIES)]
        made = acme.ada.post("memories/batch", {"memories": said}).ok()["outcomes"]
        if first:
            vectors.embed_batch(tenant_id=acme.tenant_id)
        return [UUID(outcome["memory"]["id"]) for outcome in made]

    def mark() -> Any:
        with tenancy.system(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(*) FILTER (WHERE r.embedding_model <> ''), count(v), count(r.forgotten_at),"
                " count(*) FILTER (WHERE r.embedding_model <> coalesce(v.model, ''))"
                " FROM memory_memoryrecord r LEFT JOIN memory_memoryvector v ON v.memory_id = r.id"
            )
            found = cursor.fetchone()
        assert found[-1] == 0, "a memory says otherwise than it has"
        return found

    def afterwards(ids: list[UUID]) -> None:
        act(acme, ids)
        mark()
        with acme.bound():
            assert MemoryVector.objects.filter(pk__in=ids).count() == held

    assert at_every_line(prepare, lambda ids: act(acme, ids), afterwards, mark=mark) >= 4
