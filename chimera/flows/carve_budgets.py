"""Carve: new tasks get budgets out of what the tasks above them have left; a part of the creating transaction.

Locks: after the new tasks, budgets by id if windows are missing, then the windows of all tasks above that have a total, by
id. Who forks below one of them at the same moment waits, and then counts what was carved here. Dies anywhere: neither the
tasks nor their budgets. What ends is not written: a task that has ended is not counted as one that was given something.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from django.conf import settings

from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from commerce.actions import carving
from swarm import queries
from swarm.models import Task


def carve_budgets(new: Sequence[Task], *, by: Actor) -> None:
    """422 `allotment_exceeded` where a task above has less left than `budget_usd` of those below it, together."""
    asking = [task for task in new if task.budget_usd is not None]
    if not asking:
        return
    of_parent: dict[UUID | None, dict[UUID, Decimal]] = defaultdict(dict)
    for task in asking:
        assert task.budget_usd is not None
        of_parent[task.parent_task_id][task.pk] = task.budget_usd
    above = _above([parent for parent in of_parent if parent])
    left = _lock_left(above)
    for parent, allotted in of_parent.items():
        if parent:
            _check(sum(allotted.values(), Decimal(0)), above[parent], left)
        carving.carve(allotted, by=by)


def take_back(task: Task) -> None:
    """A task that failed gave back what it had not used; before it goes on there must be as much left. It is locked."""
    if task.budget_usd is None or task.parent_task_id is None:
        return
    above = _above([task.parent_task_id])
    left = _lock_left(above)
    _check(carving.unused([task.pk]), above[task.parent_task_id], left, without=task.pk)


def _above(parents: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Each with those above it."""
    found = queries.above(sorted(parents))
    return {parent: [parent, *found.get(parent, ())] for parent in parents}


def _lock_left(above: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, Decimal]:
    named = {task_id for those in above.values() for task_id in those}
    return carving.lock_left(sorted(named), time_zone=tenant_time_zone()) if named else {}


def _check(asked: Decimal, above: Sequence[UUID], left: Mapping[UUID, Decimal], without: UUID | None = None) -> None:
    """Against each task above that has a total, without what was given to others below it.

    What it gave to one that lies above the new ones is not taken off: they are carved out of that, which is asked likewise.
    """
    for task_id in above:
        if task_id in left:
            given = carving.unused(_given(task_id, above, without))
            carving.check_left(asked, max(Decimal(0), left[task_id] - given), task_id)


def _given(task_id: UUID, above: Sequence[UUID], without: UUID | None) -> list[UUID]:
    most = settings.ALLOTMENTS_MAX
    found = queries.allotted_below(task_id, besides=above, without=without, most=most + 1)
    if len(found) > most:
        detail = f"More than {most} open tasks below {task_id} have budgets carved out of its own; wait until some have ended."
        raise conflict(detail, code="too_many_allotments", task=str(task_id))
    return found
