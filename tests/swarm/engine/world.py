"""The engine as those see it who use it: its doors, its clock, its rows, and its lists in Redis."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from chimera.flows import agents_silent, cancel_task, expire_cards, expire_holds, lapse_leases
from chimera.kernel import clock, redis
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Event
from commerce.models import SpendWindow, Transaction
from swarm import dispatch
from swarm.actions import agents
from swarm.dispatch import lists
from swarm.models import Task, TaskResult
from tests import cluster
from tests.cast import Caller, found
from tests.emptying import empty
from tests.lanes import settle
from tests.swarm.engine.model import RETRY_BASE


class Turns(lists.Turns):
    """Each run begins with the first look into the lists, and the last one is known."""

    last: lists.Bands = redis.PRIORITIES

    def next(self, tenant_id: UUID, role: str) -> lists.Bands:
        self.last = super().next(tenant_id, role)
        return self.last


@dataclass(frozen=True)
class Told:
    """What the log says of a task at one of its versions."""

    task_id: UUID
    version: int
    status: str
    type: str
    seq: int


@dataclass(frozen=True)
class Written:
    rows: dict[UUID, Task]
    applied: dict[UUID, int]  # results of each task that were applied as successes
    ledger: list[Transaction]
    windows: list[tuple[Decimal, Decimal]]  # held and captured of the total, once there is one
    told: list[Told]  # of tasks since the last look, in the order of the log


class World:
    def __init__(self) -> None:
        self._undo = ExitStack()
        self._clock = self._undo.enter_context(ExitStack())
        self._undo.callback(setattr, lists, "turns", lists.turns)
        self._undo.callback(setattr, settings, "RETRY_BASE_SECONDS", settings.RETRY_BASE_SECONDS)
        self.turns = lists.turns = Turns()
        settings.RETRY_BASE_SECONDS = RETRY_BASE.total_seconds()
        empty()
        self.is_redis_there = True
        self._watch = agents_silent.Watch()
        self._hold(clock.now().replace(microsecond=0))
        self.stage = found("Acme")
        self.callers = {"ada": self.stage.ada, "bob": self.stage.bob, "pia": self.stage.pia, "mia": self._painter()}
        self._read = 0  # of the log, up to this number

    def _painter(self) -> Caller:
        with self.stage.bound():
            agent, key = agents.register(
                name="mia", role="worker", capabilities=["paint"], tools_config={}, max_slots=2, by=SYSTEM
            )
        return Caller(key, id=str(agent.pk), name="mia")

    def close(self) -> None:
        self.redis_returns()
        self._undo.close()

    # ------------------------------------------------------------------ time

    @property
    def now(self) -> datetime:
        return clock.now()

    def move(self, by: timedelta) -> None:
        self._hold(self.now + by)

    def _hold(self, at: datetime) -> None:
        self._clock.close()
        self._clock.enter_context(clock.held(at))

    # ------------------------------------------------------------------ the relay and its clock

    def settle(self) -> None:
        settle()

    def step_clock(self) -> None:
        """What needs no word of the model: hints, and who was heard of."""
        dispatch.restock()
        dispatch.deal()
        self._watch.look()

    def queue_due(self) -> None:
        dispatch.queue_due()

    def lapse_leases(self) -> int:
        return lapse_leases.lapse_leases()

    def cancel_overdue(self) -> int:
        return lapse_leases.cancel_overdue()

    def expire_cards(self) -> int:
        return expire_cards.expire_cards()

    def expire_holds(self) -> int:
        return expire_holds.expire_holds()

    def cancel_orphans(self) -> int:
        return cancel_task.cancel_orphans()

    def lose_connection(self, task_id: UUID, token: str, seen_until: datetime) -> None:
        with self.stage.bound():
            lapse_leases.return_lease(task_id, UUID(token), seen_until)

    # ------------------------------------------------------------------ Redis

    def redis_dies(self) -> None:
        cluster.redis.kill()
        self.is_redis_there = False

    def redis_returns(self) -> None:
        if not self.is_redis_there:
            cluster.redis.start()
            redis.try_again()
            self.is_redis_there = True

    def redis_forgets(self) -> None:
        redis.client().flushall()

    def redis_hears_again_of(self, tasks: list[tuple[str, str, UUID]]) -> None:
        """(band, role, id) of tasks that it was told of long ago, as after a repeated batch."""
        for band, role, task_id in tasks:
            entry = lists.entry(task_id, self.row(task_id).type)
            redis.client().lpush(redis.queue(band, self.stage.tenant_id, role), entry)

    def pop(self, role: str, most: int) -> None:
        """A web process that dies between its look into Redis and its claim."""
        dispatch.pop(tenant_id=self.stage.tenant_id, role=role, most=most)

    def listed(self, role: str, bands: lists.Bands, types: list[str]) -> list[UUID]:
        """What stands in the lists, in the order in which a claim looks; nothing while Redis is away."""
        if not self.is_redis_there:
            return []
        keys = [redis.queue(band, self.stage.tenant_id, role) for band in bands]
        standing: list[Any] = [redis.client().lrange(key, 0, -1) for key in keys]
        entries = [entry for part in standing for entry in part]
        return [UUID(lists.id_of(entry)) for entry in entries if not types or entry[lists.ID_LENGTH + 1 :] in types]

    # ------------------------------------------------------------------ what is written

    def statuses(self) -> dict[UUID, str]:
        with self.stage.bound():
            return dict(Task.objects.values_list("pk", "status"))

    def row(self, task_id: UUID) -> Task:
        with self.stage.bound():
            found_: Task = Task.objects.get(pk=task_id)
            return found_

    def written(self) -> Written:
        """All of it, at one moment."""
        with self.stage.bound():
            rows = list(Task.objects.only("status", "attempt_count", "lease_token", "lease_expires_at"))
            good = TaskResult.objects.filter(applied=True, status="succeeded")
            applied = dict(good.values_list("task_id").annotate(Count("id")))
            ledger = list(Transaction.objects.only("status", "keeper", "lease_token"))
            windows = list(SpendWindow.objects.filter(kind="total").values_list("held_usd", "captured_usd"))
            events = Event.objects.filter(type__startswith="swarm.task.", seq__gt=self._read).order_by("xid", "seq")
            told = [Told(e.aggregate_id, e.aggregate_version, e.payload["status"], e.type, e.seq) for e in events]
        self._read = max([self._read, *(one.seq for one in told)])
        return Written({row.pk: row for row in rows}, applied, ledger, windows, told)
