"""`kill -9` of each process and each server in the middle of 500 tasks: every task ends exactly once, the money adds up,
and the session's events have no gap and no double."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from chimera import housekeeping
from chimera.kernel import redis
from chimera.kernel.actors import SYSTEM
from swarm.actions import agents
from swarm.models import Task, TaskResult
from tests.cast import Stage, found
from tests.processes import reckoning
from tests.processes.harness import House, until

pytestmark = pytest.mark.slow

TASKS = 500
BUYS_EVERY = 4  # each fourth task buys something, and each second of these captures it itself
SPEAKS_EVERY = 25  # each such task has something to say, which becomes a memory
PRICE = Decimal("0.04")
PURCHASES = TASKS // BUYS_EVERY
AGENTS = 4
MIDDLE = 120  # tasks completed before somebody is killed
END_SECONDS = 180  # seconds on two idle cores; others may be at work beside us


_numbers = count(1)


@pytest.fixture
def acme(running: House) -> Stage:
    """A tenant of its own for each test."""
    return found(f"Acme {next(_numbers)}", time_zone="Europe/Lisbon")


@pytest.fixture
def house(acme: Stage, running: House) -> Iterator[House]:
    """What stood up again after one kill meets the next."""
    with acme.bound():
        made = [
            agents.register(
                name=f"agent-{number}", role="worker", capabilities=[], tools_config={}, max_slots=8, by=SYSTEM
            )
            for number in range(AGENTS)
        ]
    running.complete("relay", "web")
    running.employ([key for _, key in made])
    yield running
    running.leave("relay", "web")


class Run:
    """500 tasks on their way."""

    def __init__(self, acme: Stage, house: House) -> None:
        self.acme, self.house = acme, house
        acme.budget(day_usd="100")
        self.session: str = acme.session()["id"]
        created = acme.pia.post("tasks/batch", {"tasks": [_task(self.session, number) for number in range(TASKS)]}).ok(
            201
        )
        assert len(created["tasks"]) == TASKS
        house.start("agents")

    def to_the_middle(self) -> None:
        until(lambda: self.house.all_alive() and self.completed() >= MIDDLE, END_SECONDS)
        assert self.completed() < TASKS - MIDDLE / 2, "too late: there is no middle left to kill in"

    def completed(self) -> int:
        with self.acme.bound():
            return Task.objects.filter(status="completed").count()

    def running(self) -> int:
        with self.acme.bound():
            return Task.objects.filter(status="running").count()

    def still_held(self, leases: set[UUID | None]) -> bool:
        with self.acme.bound():
            return Task.objects.filter(lease_token__in=leases).exists()

    def handed_in(self) -> set[UUID | None]:
        """The leases under which there is a result."""
        with self.acme.bound():
            return set(TaskResult.objects.values_list("lease_token", flat=True))

    def to_the_end(self, *, forgotten: bool = False) -> None:
        until(lambda: self.house.all_alive() and self.completed() == TASKS, END_SECONDS)
        until(lambda: self.house.all_alive() and reckoning.lanes_are_idle(), END_SECONDS)
        self.house.stop_agents()
        assert self.house.complained() == []
        log = reckoning.log_of(self.session)
        reckoning.every_task_ended_once(self.acme, TASKS)
        reckoning.every_task_is_told_in_order(log, TASKS)
        reckoning.money_adds_up(self.acme, purchases=PURCHASES, price=PRICE)
        reckoning.pages_are_the_log(self.house, self.acme.otto.secret, self.session, log)
        reckoning.stream_is_the_log(self.session, log, forgotten=forgotten)
        assert reckoning.nothing_waits_in_redis(self.acme)


@pytest.fixture
def run(acme: Stage, house: House) -> Run:
    return Run(acme, house)


def _task(session: str, number: int) -> dict[str, Any]:
    buys = number % BUYS_EVERY == 0
    payload = {"price": str(PRICE), "captures": number % (2 * BUYS_EVERY) == 0} if buys else {"question": "why"}
    payload |= {"speaks": number % SPEAKS_EVERY == 0}
    return {"session": session, "type": "research", "input_payload": payload, "max_attempts": 20}


def test_nobody_is_killed(run: Run) -> None:
    run.to_the_end()
    with run.acme.bound():
        assert set(TaskResult.objects.values_list("outcome", flat=True)) == {"completed"}


def test_the_web_process_is_killed(run: Run) -> None:
    run.to_the_middle()
    run.house.kill("web")
    run.house.start("web")
    run.to_the_end()


def test_the_relay_is_killed(run: Run) -> None:
    run.to_the_middle()
    run.house.kill("relay")
    run.house.start("relay")
    run.to_the_end()


def test_the_worker_is_killed(run: Run) -> None:
    """It keeps house: nobody waits for it, and the next one does what was deferred meanwhile."""
    run.house.start("procrastinate worker")
    run.to_the_middle()
    run.house.kill("procrastinate worker")
    housekeeping.make_partitions.defer(timestamp=0)
    assert deferred("make_partitions") == {"todo"}
    run.house.start("procrastinate worker")
    until(lambda: run.house.all_alive() and not deferred("make_partitions"), END_SECONDS)  # what went well is not kept
    run.to_the_end()


def deferred(task: str) -> set[str]:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs WHERE task_name LIKE %s", [f"%.{task}"])
        return {row[0] for row in cursor.fetchall()}


def test_the_agents_are_killed(run: Run) -> None:
    run.to_the_middle()
    run.house.kill("agents")
    with run.acme.bound():
        held = Task.objects.filter(status="running").count()
    run.house.start("agents")
    run.to_the_end()
    assert held > 0, "they died with leases in their hands"


def test_agents_that_were_thought_dead_wake_up(run: Run) -> None:
    """Their tasks run elsewhere meanwhile; what they then say with their old leases is refused."""
    run.to_the_middle()
    run.house.freeze("agents")
    with run.acme.bound():
        leases = set(Task.objects.filter(status="running").values_list("lease_token", flat=True))
    run.house.start("other agents")
    until(lambda: run.house.all_alive() and not run.still_held(leases), END_SECONDS)
    lapsed = leases - run.handed_in()  # what was on its way when they froze has arrived
    run.house.thaw("agents")
    run.to_the_end()
    assert lapsed, "they fell silent with leases in their hands"
    assert not lapsed & run.handed_in()


def test_redis_is_killed(run: Run) -> None:
    run.to_the_middle()
    run.house.restart_redis()
    run.to_the_end(forgotten=True)


def test_redis_is_flushed(run: Run) -> None:
    """Queues and mirror come back by themselves, though nothing happens that would write them."""
    run.to_the_middle()
    run.house.kill("agents")
    until(lambda: run.running() == 0 and reckoning.lanes_are_idle(), END_SECONDS)
    until(lambda: reckoning.queues_are_full(run.acme) and reckoning.money_is_mirrored(run.acme), END_SECONDS)
    redis.client().flushall()
    until(lambda: reckoning.queues_are_full(run.acme) and reckoning.money_is_mirrored(run.acme), END_SECONDS)
    run.house.start("agents")
    run.to_the_end(forgotten=True)


def test_postgresql_is_killed(run: Run) -> None:
    run.to_the_middle()
    run.house.restart_postgres()
    connections.close_all()
    run.to_the_end()
