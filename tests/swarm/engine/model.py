"""What the engine promises, in as few words as possible: no database, no Redis, no locks, one thing after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from swarm.states import TASK_OPEN, TaskStatus
from tests.swarm.engine import money
from tests.swarm.engine.money import Hold

LEASE = timedelta(seconds=60)
RETRY_BASE = timedelta(seconds=2)
RETRY_MAX = timedelta(seconds=300)
CARD_DUE = timedelta(hours=4)
KEY_DEFAULT = 1  # tasks of a concurrency key that run at once, where no limit says otherwise
NOW = timedelta()
NOBODY = UUID(int=0)  # the id of a task that was not created
FREE, COUNTS = "free", "counts"  # what the next claim of a resumed task is: no attempt, or one

Place = tuple[str, str]  # what a limit is about: scope and value


@dataclass(eq=False)
class House:
    """A session, which may be led by the one campaign."""

    id: str
    led: bool
    paused: bool = False
    ended: bool = False
    version: int = 1  # of its context


@dataclass(eq=False)
class Agent:
    name: str
    role: str
    slots: int
    paints: bool = False
    paused: bool = False


@dataclass(eq=False)
class Lease:
    """One attempt. It is kept when it is over, as its agent may come late."""

    task: "Task"
    agent: Agent
    token: str
    began: datetime
    ends: datetime
    made_under: tuple[int, int]
    answer: tuple[str, str | None] | None = None  # (outcome, review), once a result was handed in


@dataclass(eq=False)
class Task:
    house: House
    type: str
    role: str
    priority: int
    key: str
    paints: bool  # requires the capability
    manual: bool
    attempts_max: int
    timeout: timedelta | None
    deadline: datetime | None
    not_before: datetime | None
    needs: list["Task"]
    parent: "Task | None"
    id: UUID = NOBODY
    status: TaskStatus = TaskStatus.PENDING
    attempts: int = 0
    error: str = ""  # why the last attempt did not pass
    resumes: str = ""  # FREE or COUNTS after a decision
    started: bool = False
    lease: Lease | None = None
    last_lease: Lease | None = None
    card: str | None = None
    card_kind: str = ""  # manual, result or spend
    card_due: datetime | None = None
    applied: int = 0
    holds: list[Hold] = field(default_factory=list)  # all that ever were

    @property
    def order(self) -> tuple[int, UUID]:
        """The best first."""
        return -self.priority, self.id

    @property
    def is_open(self) -> bool:
        return self.status in TASK_OPEN

    @property
    def needs_are_met(self) -> bool:
        return all(need.status == TaskStatus.COMPLETED for need in self.needs)

    def becomes(self, status: TaskStatus, *, error: str | None = None) -> None:
        """Whatever it becomes, what belonged to what it was is over."""
        self.status, self.lease, self.card, self.card_due = status, None, None, None
        if error is not None:
            self.error = error

    def __repr__(self) -> str:
        return f"<{self.type} {str(self.id)[-6:]} {self.status} p{self.priority} {self.attempts}/{self.attempts_max}>"


@dataclass
class Model:
    houses: list[House] = field(default_factory=list)
    agents: dict[str, Agent] = field(default_factory=dict)
    tasks: dict[UUID, Task] = field(default_factory=dict)
    leases: list[Lease] = field(default_factory=list)  # all that ever were
    limits: dict[Place, int] = field(default_factory=dict)
    campaign_paused: bool = False
    campaign_version: int = 1
    told: set[Task] = field(default_factory=set)  # to be looked at by the relay: created, resumed, requeued
    cancelled: set[Task] = field(default_factory=set)  # since the relay came by
    completed: set[Task] = field(default_factory=set)
    refusals: int = 0  # spends that no limit permits

    # ------------------------------------------------------------------ who may run

    def hands_out(self, house: House) -> bool:
        return not (house.paused or house.ended or (house.led and self.campaign_paused))

    def is_ready(self, task: Task, at: datetime) -> bool:
        """A PENDING task that may be queued."""
        early = task.not_before is not None and task.not_before > at
        return task.needs_are_met and not early and self.hands_out(task.house)

    def may_claim(self, agent: Agent, task: Task, at: datetime) -> bool:
        """Apart from limits and slots."""
        fits = task.role == agent.role and (agent.paints or not task.paints)
        in_time = task.deadline is None or task.deadline > at
        return task.status == TaskStatus.QUEUED and fits and in_time and self.hands_out(task.house)

    def versions(self, house: House) -> tuple[int, int]:
        return house.version, self.campaign_version if house.led else 0

    # ------------------------------------------------------------------ limits

    def running(self) -> list[Task]:
        return [task for task in self.tasks.values() if task.status == TaskStatus.RUNNING]

    def places(self, task: Task) -> list[Place]:
        """What it is counted under while it runs."""
        return [("tenant", ""), ("role", task.role), *([("key", task.key)] if task.key else [])]

    def most(self, place: Place) -> int | None:
        if place[0] == "key":
            return self.limits.get(place, self.limits.get(("key", ""), KEY_DEFAULT))
        return self.limits.get(place)

    def room(self, place: Place) -> float:
        most = self.most(place)
        if most is None:
            return float("inf")
        return most - sum(place in self.places(task) for task in self.running())

    def held_by(self, agent: Agent) -> list[Lease]:
        return [task.lease for task in self.running() if task.lease and task.lease.agent is agent]

    def used(self) -> Decimal:
        """Of the one budget: held and captured."""
        return sum((hold.counts for task in self.tasks.values() for hold in task.holds), Decimal())

    # ------------------------------------------------------------------ leases

    def ends_at(self, task: Task, *, began: datetime, at: datetime) -> datetime:
        """A lease that is given or renewed at `at`."""
        bounds = [at + LEASE]
        if task.timeout:
            bounds.append(began + task.timeout)
        if task.deadline:
            bounds.append(task.deadline)
        return min(bounds)

    def is_held(self, lease: Lease, at: datetime) -> bool:
        """Whether its agent may still say something under it."""
        return lease.task.lease is lease and lease.ends > at and not lease.task.house.ended

    def is_stale(self, task: Task) -> bool:
        assert task.last_lease
        return task.last_lease.made_under != self.versions(task.house)

    def claim(self, task: Task, agent: Agent, token: str, at: datetime) -> Lease:
        lease = Lease(
            task,
            agent,
            token,
            began=at,
            ends=self.ends_at(task, began=at, at=at),
            made_under=self.versions(task.house),
        )
        task.attempts += task.resumes != FREE
        task.status, task.started, task.lease, task.last_lease = TaskStatus.RUNNING, True, lease, lease
        money.rebind(task.holds, at)
        self.leases.append(lease)
        return lease

    # ------------------------------------------------------------------ what ends an attempt

    def again(self, task: Task, error: str, *, not_before: datetime | None = None) -> None:
        """Another attempt: at once, or at `not_before`."""
        task.becomes(TaskStatus.PENDING if not_before else TaskStatus.QUEUED, error=error)
        money.void(task.holds)
        task.resumes = ""
        task.not_before = not_before or task.not_before
        self.told.add(task)

    def stale(self, task: Task) -> None:
        """Back at once; the attempt that made it was none, also where a person had let it go on."""
        task.attempts -= 1
        self.again(task, "stale_result")

    def block(self, task: Task, card: str, kind: str, at: datetime) -> None:
        """The card keeps what the lease held."""
        task.becomes(TaskStatus.BLOCKED)
        task.card, task.card_kind, task.card_due = card, kind, at + CARD_DUE

    def complete(self, task: Task) -> None:
        task.becomes(TaskStatus.COMPLETED, error="")
        money.capture(task.holds)
        task.resumes = ""
        task.applied += 1
        self.completed.add(task)

    def fail(self, task: Task, error: str) -> None:
        task.becomes(TaskStatus.FAILED, error=error)
        money.void(task.holds)
        task.resumes = ""

    def cancel(self, task: Task) -> None:
        task.becomes(TaskStatus.CANCELLED, error="cancelled")
        money.void(task.holds)
        task.resumes = ""
        self.cancelled.add(task)

    def go_on(self, task: Task, how: str, at: datetime) -> None:
        """After a decision. Whether its house is open does not matter before the claim."""
        early = task.not_before is not None and task.not_before > at
        task.becomes(TaskStatus.QUEUED if task.needs_are_met and not early else TaskStatus.PENDING)
        task.resumes = how
        self.told.add(task)

    def wait(self, task: Task, asked: timedelta = NOW) -> tuple[timedelta, timedelta]:
        """The shortest and the longest wait before the next attempt, after a fault."""
        due = min(RETRY_MAX, RETRY_BASE * 2 ** (task.attempts - 1))
        longest = max(due, asked + RETRY_BASE) if asked else due
        return max(due / 2, asked), longest

    # ------------------------------------------------------------------ what is below

    def below(self, cancelled: Iterable[Task]) -> set[Task]:
        """Children and dependents, at any depth."""
        found: set[Task] = set()
        ends = list(cancelled)
        while ends:
            end = ends.pop()
            near = {task for task in self.tasks.values() if task.parent is end or end in task.needs} - found
            found |= near
            ends += near
        return found
