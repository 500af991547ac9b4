"""The outside world of the swarm: ids of QUEUED tasks in Redis lists, popped ids in an inflight set with deadlines.

Redis only hints. A lost id comes back by `restock`, a doubled id finds its task no longer QUEUED.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F, Q

from chimera.kernel import clock, redis, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Recorded, tell
from swarm.events import TaskQueued
from swarm.models import Task
from swarm.states import TaskStatus

log = structlog.get_logger()
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
_pops = itertools.count(1)


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


# ------------------------------------------------------------------ reactions of the lane redis


def queue_ready(events: Sequence[Recorded], pipe: Any) -> None:
    """PENDING → QUEUED where ready, then push the ids of those tasks that are QUEUED now."""
    for tenant_id, tasks in _by_tenant(events).items():
        with tenancy.bound(tenant_id):
            make_queued(tasks)
            push(tenant_id, Task.objects.filter(pk__in=tasks), pipe)


def release_dependents(events: Sequence[Recorded], pipe: Any) -> None:
    """Tasks that waited for these may be ready now."""
    for tenant_id, tasks in _by_tenant(events).items():
        with tenancy.bound(tenant_id):
            waiting = list(
                Task.objects.filter(status=TaskStatus.PENDING, dependencies__depends_on__in=tasks).values_list(
                    "pk", flat=True
                )
            )
            make_queued(waiting)
            push(tenant_id, Task.objects.filter(pk__in=waiting), pipe)


def open_house(events: Sequence[Recorded], pipe: Any) -> None:
    """A session (or the sessions of a campaign) hands out work again."""
    for event in events:
        with tenancy.bound(event.tenant_id):
            aggregate = UUID(event.payload["aggregate_id"])
            rows = Task.objects.filter(Q(session_id=aggregate) | Q(session__campaign_id=aggregate))
            make_queued(list(rows.ready(clock.now()).values_list("pk", flat=True)))
            push(event.tenant_id, rows, pipe)


def left_running(events: Sequence[Recorded], pipe: Any) -> None:
    """Acknowledge: the ids leave the inflight set."""
    for tenant_id, tasks in _by_tenant(events).items():
        pipe.zrem(redis.inflight(tenant_id), *(str(t) for t in tasks))


def extend_inflight(events: Sequence[Recorded], pipe: Any) -> None:
    """A claimed id stays in flight as long as its first lease; the sweep looks after it from then on."""
    until = clock.now().timestamp() + settings.LEASE.total_seconds() + INFLIGHT_SECONDS
    for tenant_id, tasks in _by_tenant(events).items():
        pipe.zadd(redis.inflight(tenant_id), {str(t): until for t in tasks}, xx=True)


def _by_tenant(events: Sequence[Recorded]) -> dict[UUID, list[UUID]]:
    grouped: dict[UUID, list[UUID]] = defaultdict(list)
    for event in events:
        if event.task_id:
            grouped[event.tenant_id].append(event.task_id)
    return grouped


def make_queued(task_ids: Sequence[UUID]) -> list[UUID]:
    """Compare-and-set the ready ones of the bound tenant to QUEUED, in one statement, and tell it."""
    if not task_ids:
        return []
    at = clock.now()
    ready = (
        Task.objects.ready(at)
        .filter(pk__in=task_ids)
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .order_by("pk")
    )
    rows = list(ready)
    if not rows:
        return []
    Task.objects.filter(pk__in=[t.pk for t in rows], status=TaskStatus.PENDING).update(
        status=TaskStatus.QUEUED, queued_at=at, version=F("version") + 1
    )
    for task in rows:
        task.status, task.version = TaskStatus.QUEUED, task.version + 1
    tell(*(TaskQueued.about(task) for task in rows), by=SYSTEM)
    return [t.pk for t in rows]


def push(tenant_id: UUID, rows: Any, pipe: Any) -> None:
    """Push the ids of those rows that are QUEUED; tasks that require capabilities are claimed through PostgreSQL."""
    queued = rows.filter(status=TaskStatus.QUEUED, requires=[]).in_open_house().order_by("pk")
    lists: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task in queued.only("id", "priority", "role"):
        lists[(task.priority_band, task.role)].append(str(task.pk))
    for (band, role), members in lists.items():
        pipe.rpush(redis.queue(band, tenant_id, role), *members)
    roles = {role for _, role in lists} | set(
        rows.filter(status=TaskStatus.QUEUED).exclude(requires=[]).values_list("role", flat=True)[:1]
    )
    for role in roles:
        pipe.publish(redis.DISPATCH_CHANNEL, f"{tenant_id}:{role}")


# ------------------------------------------------------------------ the clock's steps and the rebuild


def queue_due() -> None:
    """Tasks whose `not_before` has come, and PENDING tasks that some reaction missed."""
    for tenant_id in _tenants_with(TaskStatus.PENDING):
        with tenancy.bound(tenant_id):
            ready = list(
                Task.objects.ready(clock.now()).order_by("pk").values_list("pk", flat=True)[: settings.RELAY_BATCH]
            )
            made = make_queued(ready)
        if made:
            with suppress(redis.Away):  # They are QUEUED: claims find them through PostgreSQL, and restock pushes them.
                _push_now(tenant_id, made)


def restock() -> None:
    """Push ids of QUEUED tasks that no list and no inflight set knows: after a lost Redis, or a lost pop."""
    for tenant_id in _tenants_with(TaskStatus.QUEUED):
        _drop_overdue(tenant_id)
        with tenancy.bound(tenant_id):
            rows = Task.objects.filter(status=TaskStatus.QUEUED, requires=[]).in_open_house()
            queued = [(t.pk, t.priority_band, t.role) for t in rows.order_by("pk").only("id", "priority", "role")]
        known = _known(tenant_id, {(band, role) for _, band, role in queued})
        missing = [task_id for task_id, _, _ in queued if str(task_id) not in known]
        if missing:
            log.info("restocked", tenant=str(tenant_id), tasks=len(missing))
            _push_now(tenant_id, missing)


def _tenants_with(status: TaskStatus) -> list[UUID]:
    with tenancy.system():
        return list(Task.objects.filter(status=status).order_by().values_list("tenant_id", flat=True).distinct())


def _push_now(tenant_id: UUID, task_ids: Sequence[UUID]) -> None:
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        with tenancy.bound(tenant_id):
            push(tenant_id, Task.objects.filter(pk__in=list(task_ids)), pipe)
        pipe.execute()


def _drop_overdue(tenant_id: UUID) -> None:
    """Popped ids whose deadline passed are forgotten; if their task is still QUEUED, restock pushes it again."""
    with redis.hint() as client:
        client.zremrangebyscore(redis.inflight(tenant_id), "-inf", clock.now().timestamp())


def _known(tenant_id: UUID, lists: set[tuple[str, str]]) -> set[str]:
    known: set[str] = set()
    with redis.hint() as client:
        known.update(client.zrange(redis.inflight(tenant_id), 0, -1))  # type: ignore[arg-type]
        for band, role in lists:
            known.update(client.lrange(redis.queue(band, tenant_id, role), 0, -1))  # type: ignore[arg-type]
    return known
