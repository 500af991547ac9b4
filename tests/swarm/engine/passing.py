"""Rules: time passes, the relay and its clock come by, and Redis is lost."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from swarm.states import TaskStatus
from tests.swarm.engine import money
from tests.swarm.engine.creating import PICK, mostly
from tests.swarm.engine.model import Task
from tests.swarm.engine.play import Play

WAITS = {"a while": 6, "half a lease": 31, "a lease": 61, "a morning": 5 * 3600, "a day": 25 * 3600}


class Passing(Play):
    @rule(wait=mostly("a while", *WAITS), sweeps=st.booleans())
    def wait(self, wait: str, sweeps: bool) -> None:
        """Whoever does not beat meanwhile is gone; perhaps nobody notices yet."""
        self.world.move(timedelta(seconds=WAITS[wait]))
        if sweeps:
            self.sweep()

    # ------------------------------------------------------------------ the relay

    @rule(who=st.sampled_from(["relay", "relay", "clock", "queue", "sweeps"]))
    def come_by(self, who: str) -> None:
        match who:
            case "queue":
                self.queue_due()
            case "sweeps":
                self.sweep()
            case _ if not self.world.is_redis_there:
                self.world.redis_returns()  # empty
            case "relay":
                self.settle()
            case _:
                self.step_clock()

    def settle(self) -> None:
        """The lanes react to all that was told."""
        model = self.model
        self.world.settle()
        for task in model.below(model.cancelled):
            if task.is_open:
                model.cancel(task)
        must = model.told | {task for task in self.tasks() if any(need in model.completed for need in task.needs)}
        self._queued(must)
        for looked_at in (model.told, model.cancelled, model.completed):
            looked_at.clear()

    def step_clock(self) -> None:
        self.queue_due()
        self.world.step_clock()

    def queue_due(self) -> None:
        """Whatever is ready is QUEUED afterwards, also while Redis is away."""
        self.world.queue_due()
        self._queued(set(self.tasks()))

    def _queued(self, must: set[Task]) -> None:
        """PENDING tasks that are QUEUED now were ready, and those that must be are, if they are ready."""
        statuses, now = self.world.statuses(), self.world.now
        for task in self.tasks(TaskStatus.PENDING):
            is_ready = self.model.is_ready(task, now)
            if statuses[task.id] == TaskStatus.QUEUED:
                assert is_ready, f"{task} is queued before its time"
                task.becomes(TaskStatus.QUEUED)
            else:
                assert not (is_ready and task in must), f"{task} is ready, and still waits"

    # ------------------------------------------------------------------ sweeps

    def sweep(self) -> None:
        """What is over by now: leases, deadlines, cards."""
        self.lapse()
        self.cancel_overdue()
        self.expire_cards()
        self.expire_holds()
        assert self.world.cancel_orphans() == 0, "a stop left something open"

    def lapse(self) -> None:
        now = self.world.now
        over = [lease for lease in self.held() if lease.ends <= now]
        assert self.world.lapse_leases() == len(over), f"other leases than {over} lapsed"
        for lease in over:
            task = lease.task
            if task.deadline and task.deadline <= now:
                self.model.fail(task, "deadline_exceeded")
            else:
                late = task.timeout and lease.began + task.timeout <= now
                self.another_attempt(task, "timeout" if late else "lease_lapsed")

    def cancel_overdue(self) -> None:
        now = self.world.now
        waiting = self.tasks(TaskStatus.PENDING, TaskStatus.QUEUED)
        over = [task for task in waiting if task.deadline and task.deadline <= now]
        assert self.world.cancel_overdue() == len(over), f"others than {over} are overdue"
        for task in over:
            self.model.cancel(task)

    def expire_cards(self) -> None:
        now = self.world.now
        over = [task for task in self.tasks(TaskStatus.BLOCKED) if task.card_due and task.card_due <= now]
        assert self.world.expire_cards() == len(over), f"other cards than those of {over} expired"
        for task in over:
            self.model.fail(task, "review_expired")

    def expire_holds(self) -> None:
        now = self.world.now
        expired = [task for task in self.tasks() if money.expire(task.holds, now)]
        assert self.world.expire_holds() == len(expired), f"other holds than those of {expired} expired"

    # ------------------------------------------------------------------ Redis

    @precondition(lambda self: self.world.is_redis_there)
    @rule(loss=st.sampled_from(["hears again", "a claim dies", "forgets", "dies"]), numbers=st.lists(PICK, max_size=3))
    def lose(self, loss: str, numbers: list[int]) -> None:
        match loss:
            case "forgets":
                self.world.redis_forgets()
            case "dies":
                self.world.redis_dies()
            case "hears again" if self.model.tasks:
                tasks = [self.pick(number, self.tasks()) for number in numbers]
                self.world.redis_hears_again_of([(_band(task.priority), task.role, task.id) for task in tasks])
            case _:  # after its look into Redis, and before it is written
                self.world.pop("worker", 2)


def _band(priority: int) -> str:
    return "high" if priority >= 67 else "normal" if priority >= 34 else "low"
