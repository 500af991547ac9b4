"""Reactions of lane redis: whole batches, all tenants at once, and nothing that Redis could not be told twice."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.kernel import clock, redis
from chimera.kernel.eventlog import Recorded
from chimera.kernel.identity import AGENT_ROLES
from swarm.dispatch import lists, queueing, stock
from swarm.events import TaskCreated
from swarm.states import REVOKED_CODE


def queue_ready(events: Sequence[Recorded], pipe: Any) -> bool:
    """PENDING → QUEUED where ready, then push the ids of those tasks that are QUEUED now; what was taken from a killed agent goes to
    the front, where it came from."""
    again = {event.task_id for event in events if event.task_id and event.type != TaskCreated.full_type()}
    queued = queueing.make_queued(_tasks(events), again=again)
    revoked = {event.task_id for event in events if event.payload.get("code") == REVOKED_CODE}
    lists.push([task for task in queued if task.id not in revoked], pipe)
    back = [task for task in queued if task.id in revoked]
    lists.to_the_front(sorted((task for task in back if not task.demands), key=lists.best_first), pipe)
    for task in back:
        lists.announce(task.tenant_id, task.role, pipe)
    return bool(queued)


def release_dependents(events: Sequence[Recorded], pipe: Any) -> bool:
    """Tasks that waited for these may be ready now: one slice of them; `queue_due` goes on with what is left."""
    queued = queueing.make_queued(queueing.waiting_for(_tasks(events)))
    lists.push(queued, pipe)
    return bool(queued)


def open_house(events: Sequence[Recorded], pipe: Any) -> None:
    """A session (or the sessions of a campaign) hands out work again: one slice of what is QUEUED, the best first. What stands in no
    list had been taken from the front of one, by a claim that then met the pause.

    The rest comes by `restock`, and what became ready meanwhile by `queue_due`.
    """
    for event in events:
        best = stock.best_of(event.tenant_id, house=UUID(event.payload["aggregate_id"]))
        lists.to_the_front(stock.unlisted(redis.client(), event.tenant_id, best), pipe)
        for role in AGENT_ROLES:  # Also those whose tasks stand in no list, and those whose ids were still there.
            lists.announce(event.tenant_id, role, pipe)


def left_running(events: Sequence[Recorded], pipe: Any) -> None:
    """Acknowledge: the ids leave the inflight set."""
    for tenant_id, tasks in _by_tenant(events).items():
        pipe.zrem(redis.inflight(tenant_id), *tasks)


def extend_inflight(events: Sequence[Recorded], pipe: Any) -> None:
    """A claimed id stays in flight as long as its first lease; the sweep looks after it from then on."""
    until = clock.now().timestamp() + settings.LEASE.total_seconds() + lists.INFLIGHT_SECONDS
    for tenant_id, tasks in _by_tenant(events).items():
        pipe.zadd(redis.inflight(tenant_id), dict.fromkeys(tasks, until), xx=True)


def _tasks(events: Sequence[Recorded]) -> list[UUID]:
    return [event.task_id for event in events if event.task_id]


def _by_tenant(events: Sequence[Recorded]) -> dict[UUID, list[str]]:
    grouped: dict[UUID, list[str]] = defaultdict(list)
    for event in events:
        if event.task_id:
            grouped[event.tenant_id].append(str(event.task_id))
    return grouped
