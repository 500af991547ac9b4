"""The end of each run: people resume everything, agents work, and every task must come to its end."""

from datetime import timedelta

from swarm.states import TaskStatus
from tests.swarm.engine.deciding import Deciding
from tests.swarm.engine.leasing import Leasing
from tests.swarm.engine.model import Task
from tests.swarm.engine.passing import Passing
from tests.swarm.engine.paying import Paying
from tests.swarm.engine.steering import Steering

BREATH = timedelta(seconds=6)  # longer than a popped id stays in flight


class Draining(Deciding, Paying, Leasing, Steering, Passing):
    def drain(self) -> None:
        self._open_everything()
        for _ in range(2 * len(self.model.tasks) + 5):
            if not any(task.is_open for task in self.tasks()):
                return
            self._round()
        raise AssertionError(f"these never end: {[task for task in self.tasks() if task.is_open]}")

    def _open_everything(self) -> None:
        if not self.world.is_redis_there:
            self.world.redis_returns()
        if self.model.campaign_paused:
            self.turn_campaign()
        for house in self.open_houses():
            if house.paused:
                self.turn_session(house)
        for agent in self.model.agents.values():
            if agent.paused:
                self.turn_agent(agent)
        if self.model.limits:
            self.lift_limits()

    def _round(self) -> None:
        for agent in self.model.agents.values():
            if held := self.model.held_by(agent):
                self.hand_in(held, ["good"] * len(held))
        for _ in self.tasks(TaskStatus.BLOCKED):
            self.decide(0, "approve")
        for task in self.tasks(TaskStatus.FAILED):
            self._bury_or_raise(task)
        self.wait_for_what_waits()
        self.settle()
        self.step_clock()
        for name in self.world.callers:
            self.claim(name, 8, [])

    def _bury_or_raise(self, task: Task) -> None:
        """What failed is tried once more where others wait for it."""
        if not task.house.ended and any(task in other.needs and other.is_open for other in self.tasks()):
            self.retry(task)

    def wait_for_what_waits(self) -> None:
        later = [t.not_before - self.world.now for t in self.tasks(TaskStatus.PENDING) if t.not_before]
        self.world.move(max([BREATH, *later]))
        self.sweep()
