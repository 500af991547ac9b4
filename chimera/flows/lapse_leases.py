"""Leases that are over: the task goes to another agent or fails, and its money is released, in one transaction each.

Locks: the task (a judge's with the one it judges), windows, transactions. Dies anywhere: the clock comes by again.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

from chimera.flows import judge_results
from chimera.flows.cancel_task import cancel_if_open
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.sweep import one_by_one
from commerce import actions as commerce
from swarm.actions import claims, tasks
from swarm.actions.backoff import Cause
from swarm.models import Task
from swarm.states import TaskStatus

AT_ONCE_MAX = 500  # leases of one sweep
CONNECTION_LOST = "connection_lost"


def lapse_leases() -> int:
    """The clock's step. Answers how many it looked after."""
    with tenancy.system():
        found = list(
            Task.objects.lapsed(clock.now()).order_by("lease_expires_at").values_list("tenant_id", "pk")[:AT_ONCE_MAX]
        )
    return one_by_one(found, end_lease)


def end_lease(task_id: UUID) -> None:
    """End a lease that lapsed. Nothing happens when it was renewed or ended meanwhile."""
    seen = tasks.read(task_id)
    locked = {t.pk: t for t in tasks.lock_all(judge_results.together(seen))}
    task = locked[task_id]
    if task.status != TaskStatus.RUNNING or task.lease_expires_at is None:
        return
    if task.lease_expires_at > clock.now():
        return
    _end(task, Cause.LAPSED, *claims.lapse_reason(task))


def return_lease(task_id: UUID, lease_token: UUID, seen_until: datetime) -> None:
    """Its agent's connection is gone: others may have the task now, rather than when the lease would have lapsed.

    A task that lost its agent like this the time before, too, waits first: it may be what kills them.

    Nothing happens when the lease was renewed since it was `seen_until`: then its agent lives on somewhere else.
    """
    seen = tasks.read(task_id)
    task = {t.pk: t for t in tasks.lock_all(judge_results.together(seen))}[task_id]
    unchanged = task.lease_token == lease_token and task.lease_expires_at == seen_until
    if task.status == TaskStatus.RUNNING and unchanged:
        lost_before = task.error is not None and task.error["code"] == CONNECTION_LOST
        cause = Cause.LAPSED if lost_before else Cause.LOST
        _end(task, cause, CONNECTION_LOST, "Its agent's connection was lost.")


def _end(task: Task, cause: Cause, code: str, message: str) -> None:
    commerce.void_all(task_id=task.pk, reason=message, by=SYSTEM)
    wait = None if code == "deadline_exceeded" else tasks.until_next(task, cause)
    if wait is not None:
        tasks.requeue(task=task, code=code, message=message, wait=wait, by=SYSTEM)
    else:
        tasks.fail(task=task, code=code, message=message, by=SYSTEM)
        judge_results.judge_lost(task, SYSTEM)


def cancel_overdue() -> int:
    """Tasks whose deadline passed before anybody took them."""
    with tenancy.system():
        waiting = Task.objects.overdue(clock.now()).order_by("deadline_at")
        found = list(waiting.values_list("tenant_id", "pk")[:AT_ONCE_MAX])
    return one_by_one(found, partial(cancel_if_open, reason="its deadline passed"))
