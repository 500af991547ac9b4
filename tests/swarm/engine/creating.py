"""Rules: tasks are created, one or many, with whatever may be said of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from swarm.states import TaskStatus
from tests.swarm.engine.model import Task
from tests.swarm.engine.play import Play

PICK = st.integers(0, 7)
MANY_MAX = 4
TASKS_MAX = 24  # of one run, so that every task can be led to its end


@dataclass(frozen=True)
class Wish:
    """What a caller asks for; numbers pick among what is there."""

    house: int
    type: str
    role: str
    priority: int
    key: str
    paints: bool
    manual: bool
    attempts_max: int
    timeout: int | None
    deadline: int | None
    not_before: int | None
    needs: tuple[int, ...]
    parent: int | None


def mostly(usual: Any, *others: Any, times: int = 3) -> st.SearchStrategy[Any]:
    """What is rare must not stand in everybody's way."""
    return st.sampled_from([usual] * (times * len(others)) + list(others))


WISHES = st.builds(
    Wish,
    house=st.integers(0, 1),
    type=st.sampled_from(["read", "write"]),
    role=mostly("worker", "planner"),
    priority=st.sampled_from([50, 80, 20, 95, 60, 5]),
    key=st.sampled_from(["", "", "press", "printer"]),
    paints=mostly(False, True),
    manual=mostly(False, True, times=12),
    attempts_max=st.sampled_from([2, 3, 1]),
    timeout=mostly(None, 10, 90),
    deadline=mostly(None, 20, 200, times=5),
    not_before=mostly(None, 5, 15),
    needs=st.one_of(st.just(()), st.just(()), st.lists(PICK, max_size=2).map(tuple)),
    parent=st.one_of(st.none(), st.none(), PICK),
)


class Creating(Play):
    @initialize(wishes=st.lists(WISHES, min_size=4, max_size=8))
    def begin_with(self, wishes: list[Wish]) -> None:
        self.create(wishes, settled=True)
        self.work([])

    @precondition(lambda self: len(self.model.tasks) < TASKS_MAX)
    @rule(wishes=st.lists(WISHES, min_size=1, max_size=MANY_MAX), settled=st.booleans())
    def create(self, wishes: list[Wish], settled: bool) -> None:
        """One alone, or many in one call, all or none; and perhaps the relay comes by at once."""
        asked = [self._wished(wish) for wish in wishes]
        bodies = [self._body(task) for task in asked]
        pia = self.world.stage.pia
        said = pia.post("tasks", bodies[0]) if len(bodies) == 1 else pia.post("tasks/batch", {"tasks": bodies})
        if moot := _moot(asked):
            assert (said.status, said["code"] in moot) == (422, True), f"{said.body}, though {moot}"
            return
        said.ok(201)
        made = [said.body] if len(bodies) == 1 else said["tasks"]
        for task, shown in zip(asked, made, strict=True):
            task.id = UUID(shown["id"])
            self.model.tasks[task.id] = task
            self.model.told.add(task)
            if task.manual:
                self.model.block(task, self.card_of(task), "manual", self.world.now)
        if settled and self.world.is_redis_there:
            self.come_by("relay")

    def _wished(self, wish: Wish) -> Task:
        house = self.pick(wish.house, self.open_houses())
        others = [task for task in self.tasks() if task.house is house]
        needs = [self.pick(number, others) for number in wish.needs if others]
        return Task(
            house=house,
            type=wish.type,
            role=wish.role,
            priority=wish.priority,
            key=wish.key,
            paints=wish.paints and wish.role == "worker",
            manual=wish.manual,
            attempts_max=wish.attempts_max,
            timeout=wish.timeout and timedelta(seconds=wish.timeout),
            deadline=wish.deadline and self.world.now + timedelta(seconds=wish.deadline),
            not_before=wish.not_before and self.world.now + timedelta(seconds=wish.not_before),
            needs=list(dict.fromkeys(needs)),
            parent=self.pick(wish.parent, others) if wish.parent is not None and others else None,
        )

    def _body(self, task: Task) -> dict[str, Any]:
        return {
            "session": task.house.id,
            "type": task.type,
            "input_payload": {},
            "role": task.role,
            "priority": task.priority,
            "concurrency_key": task.key,
            "requires": ["paint"] if task.paints else [],
            "execution_mode": "manual" if task.manual else "auto",
            "max_attempts": task.attempts_max,
            "timeout_seconds": task.timeout and int(task.timeout.total_seconds()),
            "deadline_at": task.deadline and task.deadline.isoformat(),
            "not_before": task.not_before and task.not_before.isoformat(),
            "depends_on": [str(need.id) for need in task.needs],
            "parent_task": task.parent and str(task.parent.id),
        }

    def card_of(self, task: Task) -> str:
        """The pending one."""
        cards = self.world.stage.rita.get("reviews", task=str(task.id), status="pending").ok()["results"]
        (card,) = cards
        return str(card["id"])


def _moot(asked: list[Task]) -> set[str]:
    """Why nobody can wait for these, or belong to them."""
    needs = [need for task in asked for need in task.needs]
    parents = [task.parent for task in asked if task.parent]
    named = {"dependency_cancelled": needs, "parent_cancelled": parents}
    return {code for code, those in named.items() if any(one.status == TaskStatus.CANCELLED for one in those)}
