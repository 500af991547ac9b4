"""Concurrency limits are kept exactly, however many claims race; without their locks they are not."""

import threading
from typing import Any

import pytest

from chimera.kernel import advisory
from chimera.kernel.actors import SYSTEM
from swarm.actions import agents, limits
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.lanes import settle
from tests.races.threads import PATIENCE_SECONDS, at_once

AGENTS = 8


@pytest.fixture
def callers(acme: Stage) -> list[Caller]:
    with acme.bound():
        made = [
            agents.register(name=f"w{n}", role="worker", capabilities=[], tools_config={}, max_slots=4, by=SYSTEM)
            for n in range(AGENTS)
        ]
    return [Caller(key, id=str(agent.pk), name=agent.name) for agent, key in made]


def offer(acme: Stage, number: int, **more: Any) -> None:
    session = acme.session()
    body = {"session": session["id"], "type": "render", "input_payload": {}, **more}
    acme.pia.post("tasks/batch", {"tasks": [body] * number}).ok(201)
    settle()


def running(acme: Stage) -> int:
    with acme.bound():
        return Task.objects.filter(status="running").count()


def race(callers: list[Caller]) -> None:
    at_once([lambda caller=caller: caller.claim(4) for caller in callers])


# what is set, what the tasks are like, and how many of them may run
CASES: dict[str, tuple[dict[str, Any] | None, dict[str, Any], int]] = {
    "a key runs one at a time": (None, {"concurrency_key": "printer"}, 1),
    "a key with a limit of its own": (
        {"scope": "key", "value": "printer", "running_max": 3},
        {"concurrency_key": "printer"},
        3,
    ),
    "what every key may": ({"scope": "key", "running_max": 2}, {"concurrency_key": "printer"}, 2),
    "a role": ({"scope": "role", "value": "worker", "running_max": 5}, {}, 5),
    "a tenant": ({"scope": "tenant", "running_max": 2}, {}, 2),
    "the narrower of two": ({"scope": "tenant", "running_max": 2}, {"concurrency_key": "printer"}, 1),
}


@pytest.mark.parametrize(("limit", "tasks", "most"), CASES.values(), ids=CASES)
def test_racing_claims_keep_a_limit(
    acme: Stage, callers: list[Caller], limit: dict[str, Any] | None, tasks: dict[str, Any], most: int
) -> None:
    if limit:
        acme.otto.post("concurrency-limits", limit).ok(201)
    offer(acme, 20, **tasks)
    for _ in range(4):
        race(callers)
        assert running(acme) == most
        settle()


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the names of limits are not held: an agent's own slots are still counted one claim at a time. All count what
    runs before anybody adds to it."""
    hold, count, counted = advisory.hold, limits._room, threading.Barrier(AGENTS)

    def room(*asked: Any) -> Any:
        found = count(*asked)
        counted.wait(PATIENCE_SECONDS)
        return found

    monkeypatch.setattr(advisory, "hold", lambda name: None if name.startswith("limit|") else hold(name))
    monkeypatch.setattr(limits, "_room", room)


def test_control_without_its_lock_a_limit_is_overrun_by_all(
    acme: Stage, callers: list[Caller], unguarded: None
) -> None:
    acme.otto.post("concurrency-limits", {"scope": "tenant", "running_max": 1}).ok(201)
    offer(acme, 4 * AGENTS)
    race(callers)
    assert running(acme) == AGENTS
