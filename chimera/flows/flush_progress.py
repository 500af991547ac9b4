"""Progress out of Redis into PostgreSQL: every few seconds for running tasks, and at once when one leaves RUNNING.

Dies between write and mark: the same progress is written once more, as one more row of an append-only table.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chimera.kernel import tenancy
from chimera.kernel.eventlog import Recorded
from swarm.actions import progress
from swarm.models import Task
from swarm.states import TaskStatus

SLICE_MAX = 500  # running tasks that are asked about at once


def flush_progress() -> int:
    """The clock's step: slice by slice one read of Redis, then two statements per tenant."""
    written, last = 0, UUID(int=0)
    while True:
        with tenancy.system():
            rows = Task.objects.filter(status=TaskStatus.RUNNING, pk__gt=last).order_by("pk")
            running = list(rows.values_list("tenant_id", "pk")[:SLICE_MAX])
        written += _flush(running)
        if len(running) < SLICE_MAX:
            return written
        last = running[-1][1]


def flush_ended(events: Sequence[Recorded], pipe: Any) -> None:
    """Reaction to the end of an attempt."""
    _flush([(event.tenant_id, event.task_id) for event in events if event.task_id])


def _flush(pairs: Sequence[tuple[UUID, UUID]]) -> int:
    waiting = progress.unwritten([task_id for _, task_id in pairs]) if pairs else {}
    by_tenant: dict[UUID, dict[UUID, dict[str, str]]] = defaultdict(dict)
    for tenant_id, task_id in pairs:
        if task_id in waiting:
            by_tenant[tenant_id][task_id] = waiting[task_id]
    for tenant_id, rows in by_tenant.items():
        with tenancy.bound(tenant_id):
            progress.write(rows=rows)
        progress.mark_written(rows)
    return len(waiting)
