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
from django.db.models import Exists, F, OuterRef, Q

from chimera.kernel import clock, redis, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Recorded, tell
from chimera.kernel.identity import AGENT_ROLES
from swarm.events import TaskQueued
from swarm.models import Task, Tenant
from swarm.models.task import BANDS
from swarm.states import TaskStatus

log = structlog.get_logger()
INFLIGHT_SECONDS = 5  # from pop to claim is one transaction; what nobody claimed by then is pushed again
SLICES_MAX = 10  # of RELAY_BATCH tasks of one tenant that one step of the clock makes QUEUED
STOCK_MAX = 5_000  # ids that one list is filled up to; what is longer is not short of work, and never compared
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
    """Tasks that waited for these may be ready now: one slice of them; `queue_due` goes on with what is left."""
    for tenant_id, tasks in _by_tenant(events).items():
        with tenancy.bound(tenant_id):
            waiting = Task.objects.ready(clock.now()).filter(dependencies__depends_on__in=tasks).order_by("pk")
            made = make_queued(list(waiting.distinct().values_list("pk", flat=True)[: settings.RELAY_BATCH]))
            push(tenant_id, Task.objects.filter(pk__in=made), pipe)


def open_house(events: Sequence[Recorded], pipe: Any) -> None:
    """A session (or the sessions of a campaign) hands out work again: one slice of what is QUEUED, the best first.

    The rest comes by `restock`, and what became ready meanwhile by `queue_due`.
    """
    for event in events:
        house = UUID(event.payload["aggregate_id"])
        with tenancy.bound(event.tenant_id):
            rows = _listable().filter(Q(session_id=house) | Q(session__campaign_id=house)).order_by("-priority", "pk")
            best = list(rows.only("id", "priority", "role")[: settings.RELAY_BATCH])
        missing = [t.pk for t in _unlisted(redis.client(), event.tenant_id, best)]
        with tenancy.bound(event.tenant_id):
            push(event.tenant_id, Task.objects.filter(pk__in=missing), pipe)
        for role in AGENT_ROLES:  # Also those whose tasks stand in no list, and those whose ids were still there.
            pipe.publish(redis.DISPATCH_CHANNEL, f"{event.tenant_id}:{role}")


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
    """Tasks whose `not_before` has come, and PENDING tasks that no reaction queued, slice by slice."""
    for tenant_id in _tenants_with(TaskStatus.PENDING):
        for _ in range(SLICES_MAX):
            if _queue_slice(tenant_id) < settings.RELAY_BATCH:
                break


def _queue_slice(tenant_id: UUID) -> int:
    with tenancy.bound(tenant_id):
        ready = Task.objects.ready(clock.now()).order_by("pk").values_list("pk", flat=True)
        made = make_queued(list(ready[: settings.RELAY_BATCH]))
    if made:
        with suppress(redis.Away):  # They are QUEUED: claims find them through PostgreSQL, and restock pushes them.
            _push_now(tenant_id, made)
    return len(made)


def _tenants_with(status: TaskStatus) -> list[UUID]:
    """One look into an index per tenant, however many tasks there are."""
    with tenancy.system():
        theirs = Task.objects.filter(tenant_id=OuterRef("pk"), status=status)
        return list(Tenant.objects.filter(Exists(theirs)).order_by("pk").values_list("pk", flat=True))


def _push_now(tenant_id: UUID, task_ids: Sequence[UUID]) -> None:
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        with tenancy.bound(tenant_id):
            push(tenant_id, Task.objects.filter(pk__in=list(task_ids)), pipe)
        pipe.execute()


def restock() -> None:
    """Push ids of QUEUED tasks that Redis lost: all of them, or a lost pop. Lists are filled up to STOCK_MAX."""
    for tenant_id in _tenants_with(TaskStatus.QUEUED):
        _drop_overdue(tenant_id)
        for role in sorted(AGENT_ROLES):
            for band in redis.PRIORITIES:
                if _is_short(tenant_id, band, role):
                    _fill(tenant_id, band, role)


def _drop_overdue(tenant_id: UUID) -> None:
    """Popped ids whose deadline passed are forgotten; if their task is still QUEUED, restock pushes it again."""
    with redis.hint() as client:
        client.zremrangebyscore(redis.inflight(tenant_id), "-inf", clock.now().timestamp())


def _is_short(tenant_id: UUID, band: str, role: str) -> bool:
    """Counting only, up to STOCK_MAX. What is in flight is left out: it is the whole tenant's, and mostly RUNNING.

    A list may hold ids that are no longer QUEUED, and seem full; claims pop those, and it is short then.
    """
    with redis.hint() as client:
        held: Any = client.llen(redis.queue(band, tenant_id, role))
    if held >= STOCK_MAX:
        return False
    with tenancy.bound(tenant_id):
        return bool(_of_list(band, role).order_by()[:STOCK_MAX].count() > held)


def _fill(tenant_id: UUID, band: str, role: str) -> None:
    """Compare slice by slice, the oldest first. It ends: what is known already is at most the list and the inflight set."""
    last, slice_, pushed, room = UUID(int=0), [], 0, STOCK_MAX
    while room > 0:
        with tenancy.bound(tenant_id):
            rows = _of_list(band, role).filter(pk__gt=last).order_by("pk").only("id", "priority", "role")
            slice_ = list(rows[: settings.RELAY_BATCH])
        with redis.hint() as client:
            missing = _unlisted(client, tenant_id, slice_)
        if missing:
            _push_now(tenant_id, [t.pk for t in missing])
        pushed, room = pushed + len(missing), room - len(missing)
        if len(slice_) < settings.RELAY_BATCH:
            break
        last = slice_[-1].pk
    if pushed:
        log.info("restocked", tenant=str(tenant_id), role=role, band=band, tasks=pushed)


def _listable() -> Any:
    """The bound tenant's tasks whose ids belong into a list."""
    return Task.objects.filter(status=TaskStatus.QUEUED, requires=[]).in_open_house()


def _of_list(band: str, role: str) -> Any:
    lowest, highest = BANDS[band]
    return _listable().filter(role=role, priority__gte=lowest, priority__lte=highest)


def _unlisted(client: redis.Client, tenant_id: UUID, tasks: Sequence[Task]) -> list[Task]:
    """Those that neither the head of their list nor the inflight set knows; none for a list that is full."""
    if not tasks:
        return []
    listed: set[str] = set()
    full: set[str] = set()
    keys = {task.pk: redis.queue(task.priority_band, tenant_id, task.role) for task in tasks}
    for key in set(keys.values()):
        ids: Any = client.lrange(key, 0, STOCK_MAX - 1)
        listed.update(ids)
        if len(ids) >= STOCK_MAX:
            full.add(key)
    deadlines: Any = client.zmscore(redis.inflight(tenant_id), [str(task.pk) for task in tasks])
    return [
        task
        for task, deadline in zip(tasks, deadlines, strict=True)
        if deadline is None and str(task.pk) not in listed and keys[task.pk] not in full
    ]
