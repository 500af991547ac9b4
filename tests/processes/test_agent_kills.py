"""Agents of the SDK as real processes, killed and frozen with work in their hands; and the house killed around them."""

from collections import Counter
from uuid import UUID

import pytest

from chimera.kernel import clock
from swarm.models import Task, TaskResult
from tests.processes import reckoning
from tests.processes.crew import SECONDS, SLOTS, Crew
from tests.processes.harness import LEASE_SECONDS, until

pytestmark = pytest.mark.slow
SOCKET_SECONDS = 2.0
HTTP_SECONDS = LEASE_SECONDS + 5.0
KILLS = 3  # the middle one counts: others are at work beside us
MANY = 60


def until_anothers(crew: Crew, transport: str, number: int) -> tuple[float, set[str]]:
    """Seconds from the kill of an agent to the last claim of what it held, and why its tasks went back."""
    victim, heir = f"victim-{number}", f"heir-{number}"
    crew.hire(victim, transport, slots=4)
    held = crew.offer_to(victim, 4)
    crew.hire(heir, transport)
    crew.is_at_work(heir)
    killed_at = clock.now()
    crew.kill(victim)
    until(lambda: len(crew.told(held, "claimed")) == 8, SECONDS)
    took = max(event.at for event in crew.told(held, "claimed")) - killed_at
    crew.go.touch()
    crew.completed(held)
    crew.go.unlink()
    crew.kill(heir)
    assert Counter((who, attempt) for task, attempt, who in crew.effects() if task in held) == {
        (victim, 1): 4,
        (heir, 2): 4,
    }
    return took.total_seconds(), {event.payload["code"] for event in crew.told(held, "requeued")}


@pytest.mark.parametrize(
    ("transport", "seconds", "why"),
    [("socket", SOCKET_SECONDS, "connection_lost"), ("http", HTTP_SECONDS, "lease_lapsed")],
)
def test_what_a_killed_agent_held_is_anothers_in_time(crew: Crew, transport: str, seconds: float, why: str) -> None:
    rounds = [until_anothers(crew, transport, number) for number in range(KILLS)]
    took = sorted(round_[0] for round_ in rounds)
    assert took[KILLS // 2] <= seconds, f"{took} s"
    assert [round_[1] for round_ in rounds] == [{why}] * KILLS


@pytest.mark.parametrize("victim", ["web", "relay"])
def test_the_house_is_killed_and_every_task_ends_once_with_each_effect_counted(crew: Crew, victim: str) -> None:
    """In mid-run: half is done, all slots of both agents are full, and results are made while it is away."""
    crew.hire("by-socket", "socket")
    crew.hire("by-http", "http")
    done = crew.offer(MANY)
    crew.completed(done)
    tasks = done + crew.offer(MANY, waits=True)
    until(lambda: len(crew.effects()) == MANY + 2 * SLOTS, SECONDS)
    crew.house.kill(victim)
    crew.go.touch()
    tasks += crew.offer(MANY)
    crew.house.start(victim)
    crew.completed(tasks)
    until(reckoning.lanes_are_idle, SECONDS)
    reckoning.every_task_ended_once(crew.acme, 3 * MANY)
    reckoning.every_task_is_told_in_order(reckoning.log_of(crew.session), 3 * MANY)
    every_effect_is_an_attempt(crew)


def every_effect_is_an_attempt(crew: Crew) -> None:
    """No attempt was made twice or unbidden, and the one whose result counts was made by whom it names."""
    effects = crew.effects()
    made = {(task, attempt): who for task, attempt, who in effects}
    assert len(made) == len(effects), "an attempt was made twice"
    with crew.acme.bound():
        attempts = dict(Task.objects.values_list("pk", "attempt_count"))
        counted = list(TaskResult.objects.filter(applied=True).values_list("task_id", "attempt", "output_payload"))
    assert all(attempt <= attempts[UUID(task)] for task, attempt in made)
    assert {(str(task), attempt): output["by"] for task, attempt, output in counted}.items() <= made.items()
    assert len(effects) <= sum(attempts.values())


@pytest.mark.parametrize("transport", ["socket", "http"])
def test_what_a_frozen_agent_hands_in_after_its_lease_is_refused(crew: Crew, transport: str) -> None:
    crew.hire("sleeper", transport, slots=1)
    (task,) = crew.offer_to("sleeper", 1, stubborn=True)
    crew.hire("heir", transport)
    crew.is_at_work("heir")
    crew.freeze("sleeper")
    until(lambda: (task, 2, "heir") in crew.effects(), SECONDS)
    crew.thaw("sleeper")
    crew.go.touch()
    until(lambda: set(crew.answers()) == {"sleeper", "heir"}, SECONDS)
    crew.completed([task])
    assert crew.answers() == {"sleeper": "stale_lease", "heir": "completed"}
    (lapsed,) = crew.told([task], "requeued")
    assert lapsed.payload["code"] == "lease_lapsed"
    with crew.acme.bound():
        (result,) = TaskResult.objects.filter(task_id=task)
    assert (result.applied, result.output_payload) == (True, {"by": "heir"})
    every_effect_is_an_attempt(crew)
