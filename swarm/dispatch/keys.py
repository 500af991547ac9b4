"""Tasks with a concurrency key: when one ends, the next of its key may be taken.

A claim that finds a key full leaves the id out of the lists; here it comes back. What is missed comes by `restock`.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chimera.kernel import tenancy
from chimera.kernel.eventlog import Recorded
from swarm.dispatch.lists import Queued, push
from swarm.models import Task
from swarm.states import TaskStatus


def next_of_key(events: Sequence[Recorded], pipe: Any) -> None:
    """For each task of a key that left RUNNING, one that waits: the best first."""
    freed: Counter[tuple[UUID, str]] = Counter()
    for event in events:
        if key := event.payload.get("concurrency_key"):
            freed[(event.tenant_id, key)] += 1
    for (tenant_id, key), number in freed.items():
        with tenancy.bound(tenant_id):
            waiting = Task.objects.filter(status=TaskStatus.QUEUED, concurrency_key=key).in_open_house()
            rows = waiting.order_by("-priority", "pk").values("id", "tenant_id", "role", "priority", "type", "requires")
            push([Queued(demands=bool(row.pop("requires")), **row) for row in rows[:number]], pipe)
