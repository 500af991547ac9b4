"""Every event stands on the one page that says who reacts to it; serving does not start when one is missing."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from chimera.flows.reactions import REACTIONS
from chimera.kernel.eventlog import Fact


@pytest.fixture
def forgotten() -> Iterator[type[Fact]]:
    """An event of the swarm that nobody has thought of."""

    class TaskMislaid(Fact):
        __module__ = "swarm.events"
        type: ClassVar[str] = "swarm.task.mislaid"

    yield TaskMislaid
    del Fact.registry[TaskMislaid.full_type()]


def ours() -> set[type[Fact]]:
    return {fact for fact in Fact.registry.values() if not fact.__module__.startswith("tests.")}


def test_every_event_has_its_line() -> None:
    assert set(REACTIONS) == ours()
    assert len(REACTIONS) > 40
    call_command("check")


def test_a_forgotten_event_stops_the_start(forgotten: type[Fact]) -> None:
    with pytest.raises(SystemCheckError, match=r"swarm\.task\.mislaid\.v1 is missing from chimera/flows/reactions\.py"):
        call_command("check")


def test_every_event_stands_among_the_events_of_its_app() -> None:
    for fact in ours():
        app = fact.type.partition(".")[0]
        assert f"{fact.__module__}.".removeprefix("chimera.").startswith(f"{app}.events."), fact
