"""The lists of ids by tenant, priority and role, and the inflight set of ids that were popped, with deadlines."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.kernel import clock, redis, tenancy
from swarm.models import Task
from swarm.models.task import BANDS
from swarm.states import TaskStatus

INFLIGHT_SECONDS = 5  # from pop to claim is one transaction; what nobody claimed by then is pushed again
LOW_FIRST_EVERY = 8  # every eighth pop looks at low priorities first, so that they are never starved

# Pops up to ARGV[1] ids from the lists KEYS[2..] in order, and remembers them in KEYS[1] until ARGV[2].
_POP = """
local got = {}
for i = 2, #KEYS do
  while #got < tonumber(ARGV[1]) do
    local id = redis.call('LPOP', KEYS[i])
    if not id then break end
    got[#got + 1] = id
    redis.call('ZADD', KEYS[1], ARGV[2], id)
  end
end
return got
"""
_BAND = {priority: band for band, (lowest, highest) in BANDS.items() for priority in range(lowest, highest + 1)}
_pops = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Queued:
    """A QUEUED task, as far as the lists want to know it."""

    id: UUID
    tenant_id: UUID
    role: str
    priority: int
    demands: bool = False  # capabilities: no list knows them, and it is claimed through PostgreSQL

    @property
    def key(self) -> str:
        return redis.queue(_BAND[self.priority], self.tenant_id, self.role)


def pop(*, tenant_id: UUID, role: str, most: int) -> list[UUID] | None:
    """Ids to try, best first; None while Redis is away."""
    bands = redis.PRIORITIES if next(_pops) % LOW_FIRST_EVERY else tuple(reversed(redis.PRIORITIES))
    keys = [redis.inflight(tenant_id), *(redis.queue(band, tenant_id, role) for band in bands)]
    try:
        with redis.hint() as client:
            found: Any = client.eval(_POP, len(keys), *keys, str(most), str(clock.now().timestamp() + INFLIGHT_SECONDS))
    except redis.Away:
        return None
    return [UUID(value) for value in found]


def settle(tenant_id: UUID, *, popped: Collection[UUID], early: Sequence[UUID], claimed: Sequence[Task]) -> None:
    """After a claim: what became of the ids that were popped for it, and of tasks that it found without them.

    `early` may be claimed later, and go back to the front of their lists.
    """
    put_back(tenant_id, early)
    acknowledge(tenant_id, set(popped) - {task.pk for task in claimed})
    if unpopped := [task for task in claimed if task.pk not in popped]:
        taken(tenant_id, unpopped)


def put_back(tenant_id: UUID, task_ids: Sequence[UUID]) -> None:
    """Ids to the front of their lists, in this order."""
    if not task_ids:
        return
    with tenancy.bound(tenant_id):
        queued = Task.objects.filter(pk__in=task_ids, status=TaskStatus.QUEUED, requires=[])
        rows = {task.pk: task for task in queued.only("id", "tenant_id", "priority", "role")}
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for task in (rows[i] for i in reversed(task_ids) if i in rows):
                pipe.lpush(redis.queue(task.priority_band, task.tenant_id, task.role), str(task.pk))
            pipe.execute()
    except redis.Away:
        return


def acknowledge(tenant_id: UUID, task_ids: Iterable[UUID]) -> None:
    """These ids need no second look."""
    members = [str(i) for i in task_ids]
    if not members:
        return
    try:
        with redis.hint() as client:
            client.zrem(redis.inflight(tenant_id), *members)
    except redis.Away:
        return


def taken(tenant_id: UUID, tasks: Iterable[Task]) -> None:
    """These were claimed through PostgreSQL: take their ids out of the lists, which else would grow."""
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for task in tasks:
                pipe.lrem(redis.queue(task.priority_band, tenant_id, task.role), 1, str(task.pk))
            pipe.execute()
    except redis.Away:
        return


def push(tasks: Iterable[Queued], pipe: Any) -> None:
    """Their ids into the lists, in the order given, and a word to those who wait for work of their role."""
    lists: dict[str, list[str]] = defaultdict(list)
    heard: Counter[tuple[UUID, str]] = Counter()
    for task in tasks:
        heard[(task.tenant_id, task.role)] += 1
        if not task.demands:
            lists[task.key].append(str(task.id))
    for key, members in lists.items():
        pipe.rpush(key, *members)
    for (tenant_id, role), number in heard.items():
        announce(tenant_id, role, pipe, number)


def announce(tenant_id: UUID, role: str, pipe: Any, number: int | None = None) -> None:
    """A word to those who wait for work, with how much there is where that is known (kernel.http.waiting)."""
    pipe.publish(redis.DISPATCH_CHANNEL, f"{tenant_id}:{role}" + (f":{number}" if number else ""))
