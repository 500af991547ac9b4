"""What every kind of rule needs: both sides, somebody to pick, and the model's word for what chance decides."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from swarm.states import TaskStatus
from tests.swarm.engine.model import NOW, House, Lease, Model, Task
from tests.swarm.engine.world import World

Thing = TypeVar("Thing")


class Play:
    """The engine (`world`) and the model, which hear of everything at the same time."""

    world: World
    model: Model

    def tasks(self, *statuses: TaskStatus) -> list[Task]:
        """In the order of their creation."""
        return [task for task in self.model.tasks.values() if not statuses or task.status in statuses]

    def open_houses(self) -> list[House]:
        return [house for house in self.model.houses if not house.ended]

    def held(self) -> list[Lease]:
        """Leases that are nobody else's yet, though some may have lapsed."""
        return [task.lease for task in self.model.running() if task.lease]

    def near(self) -> list[Lease]:
        """Those that are held, and before them a few that are over."""
        held = self.held()
        return [lease for lease in self.model.leases if lease not in held][-2:] + held

    @staticmethod
    def pick(number: int, things: Sequence[Thing]) -> Thing:
        """The last for 0, so that a smaller example is about the newest."""
        return things[-1 - number % len(things)]

    def come_by(self, who: str) -> None:
        """The relay, or a part of its clock."""
        raise NotImplementedError

    def work(self, acts: list[tuple[int, str]]) -> None:
        """Everybody claims, and some do something."""
        raise NotImplementedError

    def pay(self, number: int, verb: str) -> None:
        """Under a lease that is held, or was."""
        raise NotImplementedError

    def another_attempt(self, task: Task, error: str, *, asked: timedelta = NOW) -> None:
        """After a fault: it waits, within bounds, unless its attempts or its time are used up."""
        shortest, longest = self.model.wait(task, asked)
        now, deadline = self.world.now, task.deadline
        if task.attempts >= task.attempts_max or (deadline and now + shortest >= deadline):
            self.model.fail(task, error)
            return
        row = self.world.row(task.id)
        if row.status == TaskStatus.FAILED and deadline and now + longest >= deadline:
            self.model.fail(task, error)
            return
        assert row.status == TaskStatus.PENDING, f"{task} has {error}: it waits, and is not {row.status}"
        assert row.not_before is not None, f"{task} waits for nothing"
        assert shortest <= row.not_before - now <= longest, f"{task} waits {row.not_before - now}"
        self.model.again(task, error, not_before=row.not_before)
