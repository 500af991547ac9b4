"""What the lists ought to hold: the clock's look after due tasks and lost ids, and the rebuild of a lost Redis."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q

from chimera.kernel import clock, redis, tenancy
from chimera.kernel.identity import AGENT_ROLES
from chimera.kernel.relay import direct
from swarm.dispatch import lists, queueing
from swarm.dispatch.lists import Queued
from swarm.models import Task
from swarm.models.task import BANDS
from swarm.states import TaskStatus

log = structlog.get_logger()
STOCK_MAX = 5_000  # ids that one list is filled up to; what is longer is not short of work, and never compared

ListOf = tuple[UUID, str, str]  # tenant, role, band


_looked: dict[
    UUID, UUID
] = {}  # by tenant: the PENDING task that was looked at last, where there are too many for one step


def queue_due() -> None:
    """Tasks whose `not_before` has come, and PENDING tasks that no reaction queued, slice by slice.

    A step looks at so many of a tenant and the next goes on behind them; those whose time has come are never kept waiting.
    """
    for tenant_id in queueing.tenants_with(TaskStatus.PENDING):
        after = _looked.pop(tenant_id, None)
        ready, last = queueing.due(tenant_id, after=after or UUID(int=0))
        if last:
            _looked[tenant_id] = last
        if last or after:
            ready = [*queueing.timed(tenant_id), *ready]
        for start in range(0, len(ready), settings.RELAY_BATCH):
            _queue(ready[start : start + settings.RELAY_BATCH])


def _queue(ready: Sequence[UUID]) -> None:
    """What a reaction queues meanwhile it pushes itself."""
    with (
        suppress(redis.Away),
        queueing.in_hand(ready) as made,
    ):  # Away: claims find them through PostgreSQL, restock pushes
        if made:
            _push_now(made)


def restock() -> None:
    """Push ids of QUEUED tasks that Redis lost: all of them, or a lost pop. Lists are filled up to STOCK_MAX."""
    tenants = queueing.tenants_with(TaskStatus.QUEUED)
    known = [(tenant, role, band) for tenant in tenants for role in sorted(AGENT_ROLES) for band in redis.PRIORITIES]
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        for tenant in tenants:  # Popped ids whose deadline passed; if their task is still QUEUED, it is pushed again.
            pipe.zremrangebyscore(redis.inflight(tenant), "-inf", clock.now().timestamp())
        for tenant, role, band in known:
            pipe.llen(redis.queue(band, tenant, role))
        held: list[int] = pipe.execute()[len(tenants) :]
    lengths: dict[ListOf, int] = dict(zip(known, held, strict=True))
    for short in _short(lengths):
        _fill(*short, held=lengths[short])


def _short(held: dict[ListOf, int]) -> list[ListOf]:
    """Counting only, up to STOCK_MAX. What is in flight is left out: it is the whole tenant's, and mostly RUNNING.

    A list may hold ids that are no longer QUEUED, and seem full; claims pop those, and it is short then.
    """
    asked = [one for one in held if held[one] < STOCK_MAX]
    if not asked:
        return []
    params = queueing.rule() | {
        "numbers": list(range(len(asked))),
        "tenants": [tenant for tenant, _, _ in asked],
        "roles": [str(role) for _, role, _ in asked],
        "lowest": [BANDS[band][0] for _, _, band in asked],
        "highest": [BANDS[band][1] for _, _, band in asked],
        "held": [held[one] for one in asked],
    }
    return [asked[row[0]] for row in direct.ask(_SHORT, params)]


_SHORT = f"""
    SELECT q.number
    FROM unnest(%(numbers)s::int[], %(tenants)s::uuid[], %(roles)s::text[], %(lowest)s::int[], %(highest)s::int[],
                %(held)s::int[]) AS q(number, tenant, role, lowest, highest, held)
    WHERE (
        SELECT count(*) FROM (
            SELECT 1 FROM swarm_task t {queueing.OPEN_HOUSE}
            WHERE t.tenant_id = q.tenant AND t.role = q.role AND t.priority BETWEEN q.lowest AND q.highest
              AND t.status = 'queued' AND t.requires = '{{}}' AND {queueing.IN_OPEN_HOUSE}
            LIMIT q.held + 1
        ) counted
    ) > q.held
    ORDER BY q.number
"""


# In the order of the index: a plan that sorts would first read all that waits.
_BEST = f"""
    SELECT t.id, t.tenant_id, t.role, t.priority, t.type FROM swarm_task t {queueing.OPEN_HOUSE}
    WHERE t.tenant_id = %(tenant)s::uuid AND t.role = %(role)s::text AND t.priority BETWEEN %(lowest)s::int AND %(highest)s::int
      AND t.status = 'queued' AND t.requires = '{{}}' AND {queueing.IN_OPEN_HOUSE}
    ORDER BY t.priority DESC, t.id LIMIT %(most)s::int
"""


def _fill(tenant_id: UUID, role: str, band: str, *, held: int) -> None:
    """The best first, in one look: what is known already is at most the list and the inflight set, so the rest is missing."""
    with redis.hint() as client:
        flying: Any = client.zcard(redis.inflight(tenant_id))
    best = best_of_list(tenant_id, role, band, most=STOCK_MAX + flying)
    with redis.hint() as client:
        missing = unlisted(client, tenant_id, best)[: STOCK_MAX - held]
    if missing:
        _push_now(missing)
        log.info("restocked", tenant=str(tenant_id), role=role, band=band, tasks=len(missing))


def best_of_list(tenant_id: UUID, role: str, band: str, *, most: int) -> list[Queued]:
    """What is QUEUED and belongs into one list, in the order in which PostgreSQL would hand it out."""
    lowest, highest = BANDS[band]
    band_of = {"tenant": tenant_id, "role": role, "lowest": lowest, "highest": highest, "most": most}
    return [Queued(*row) for row in direct.ask(_BEST, queueing.rule() | band_of)]


def best_of(tenant_id: UUID, *, house: UUID) -> list[Queued]:
    """One slice of what is QUEUED in a session, or in the sessions of a campaign."""
    with tenancy.bound(tenant_id):
        rows = Task.objects.filter(status=TaskStatus.QUEUED, requires=[]).in_open_house()
        best = rows.filter(Q(session_id=house) | Q(session__campaign_id=house)).order_by("-priority", "pk")
        shown = best.values_list("id", "tenant_id", "role", "priority", "type")[: settings.RELAY_BATCH]
        return [Queued(*row) for row in shown]


def unlisted(client: redis.Client, tenant_id: UUID, tasks: Sequence[Queued]) -> list[Queued]:
    """Those that neither the head of their list nor the inflight set knows; none for a list that is full."""
    if not tasks:
        return []
    listed: set[str] = set()
    full: set[str] = set()
    for key in {task.key for task in tasks}:
        ids: Any = client.lrange(key, 0, STOCK_MAX - 1)
        listed.update(map(lists.id_of, ids))
        if len(ids) >= STOCK_MAX:
            full.add(key)
    deadlines: Any = client.zmscore(redis.inflight(tenant_id), [str(task.id) for task in tasks])
    return [
        task
        for task, deadline in zip(tasks, deadlines, strict=True)
        if deadline is None and str(task.id) not in listed and task.key not in full
    ]


def _push_now(tasks: Sequence[Queued]) -> None:
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        lists.push(tasks, pipe)
        pipe.execute()
