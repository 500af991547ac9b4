"""State machines check themselves when they are declared, and move rows by compare-and-set alone."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from chimera.kernel.errors import Stale
from chimera.kernel.states import AGENT, HUMAN, Edge, Machine, edge
from swarm.models import SwarmSession, Task
from swarm.states import SESSION, TASK, SessionStatus, TaskStatus
from tests.cast import Stage


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    BROKEN = "broken"


GOES = edge(Light.RED, Light.GREEN, AGENT, why="free")
STOPS = edge(Light.GREEN, Light.RED, AGENT, why="crossing")
BREAKS = edge(Light.GREEN, Light.BROKEN, HUMAN, why="hit")


def light(*edges: Edge, ends: tuple[Light, ...] = (Light.BROKEN,), **more: Any) -> Machine:
    machine = Machine("light", start=Light.RED, ends=ends, edges=edges, **more)
    del Machine.registry["light"]
    return machine


@pytest.mark.parametrize(
    ("edges", "ends", "why"),
    [
        ((GOES, STOPS), (), "never reached"),
        ((GOES, STOPS, BREAKS), (), "no way out"),
        ((GOES, STOPS, BREAKS), (Light.BROKEN, Light.RED), "no way out"),
        ((GOES, GOES, STOPS, BREAKS), (Light.BROKEN,), "declared twice"),
        ((GOES, STOPS, edge(Light.GREEN, Light.BROKEN, why="hit")), (Light.BROKEN,), "owner and a reason"),
        ((GOES, STOPS, edge(Light.GREEN, Light.BROKEN, HUMAN, why="")), (Light.BROKEN,), "owner and a reason"),
    ],
)
def test_a_machine_that_makes_no_sense_is_not_declared(edges: Any, ends: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        light(*edges, ends=ends)
    assert "light" not in Machine.registry


def test_a_machine_answers_what_may_follow() -> None:
    machine = light(GOES, STOPS, BREAKS)
    assert machine.can("red", "green")
    assert not machine.can("red", "broken")
    assert machine.sources_of(Light.BROKEN) == ["green"]


@pytest.fixture
def session(acme: Stage) -> UUID:
    return UUID(acme.session()["id"])


def test_advance_moves_status_version_and_changes_at_once(acme: Stage, session: UUID) -> None:
    with acme.bound():
        row = SwarmSession.objects.get(pk=session)
        SESSION.advance(row, to=SessionStatus.RUNNING, name="begun")
        found = SwarmSession.objects.get(pk=session)
    assert (row.status, row.version, row.name) == (found.status, found.version, found.name) == ("running", 2, "begun")


def test_of_two_who_read_the_same_row_the_second_is_stale(acme: Stage, session: UUID) -> None:
    with acme.bound():
        mine, yours = SwarmSession.objects.get(pk=session), SwarmSession.objects.get(pk=session)
        SESSION.advance(mine, to=SessionStatus.RUNNING)
        with pytest.raises(Stale, match="changed while you were at it"):
            SESSION.advance(yours, to=SessionStatus.PAUSED)
        assert SwarmSession.objects.get(pk=session).status == "running"
        assert (yours.status, yours.version) == ("created", 1), "who was refused keeps what it had read"


def test_the_version_guards_even_where_the_status_came_back(acme: Stage, session: UUID) -> None:
    with acme.bound():
        row, old = SwarmSession.objects.get(pk=session), SwarmSession.objects.get(pk=session)
        for status in (SessionStatus.PAUSED, SessionStatus.RUNNING, SessionStatus.PAUSED):
            SESSION.advance(row, to=status)
        old.status = SessionStatus.PAUSED
        with pytest.raises(Stale):
            SESSION.advance(old, to=SessionStatus.RUNNING)


def test_an_edge_that_is_not_there_is_refused_with_the_present_state(acme: Stage, session: UUID) -> None:
    with acme.bound():
        row = SwarmSession.objects.get(pk=session)
        with pytest.raises(Stale, match="it cannot become failed") as refusal:
            SESSION.advance(row, to=SessionStatus.FAILED)
        assert (refusal.value.code, refusal.value.status) == ("session_created", 409)
        assert refusal.value.extra == {"status_now": "created"}


def test_many_advance_together_and_others_stay(acme: Stage, session: UUID) -> None:
    made = [UUID(acme.task(str(session))["id"]) for _ in range(3)]
    with acme.bound():
        TASK.advance(Task.objects.get(pk=made[0]), to=TaskStatus.QUEUED)
        moved = TASK.advance_all(Task.objects.filter(pk__in=made), to=TaskStatus.QUEUED)
        assert moved == made[1:]
        assert set(Task.objects.filter(pk__in=made).values_list("status", "version")) == {("queued", 2)}
