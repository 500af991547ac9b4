"""Drop: a dead letter is given up, and with it what waits for it, which could never begin.

Its card was settled and its money released when it failed, so the task alone is left. Those below it are cancelled through
the event log, one transaction each, as after a cancel.
Locks: the task; many by id, without those that somebody holds. Dies anywhere: still a dead letter, or dropped; the follow-up
runs again.
"""

from collections.abc import Sequence
from uuid import UUID

from chimera.kernel.actors import Actor
from swarm.actions import dead_letters, planning, tasks
from swarm.models import Task
from swarm.states import TaskStatus


def drop_task(*, task_id: UUID, reason: str, by: Actor) -> Task:
    """409 unless it failed; one that is cancelled already is answered as it is. 403 for a planner who did not create it."""
    task = tasks.lock(task_id)
    planning.check_planner(task, by)
    if task.status != TaskStatus.CANCELLED:
        dead_letters.drop(task=task, reason=reason, by=by)
    return task


def drop_many(task_ids: Sequence[UUID], *, reason: str, by: Actor) -> set[UUID]:
    """Those that were dropped, in the same few statements for one as for hundreds; the others are for `drop_task`."""
    dead = [
        task for task in tasks.lock_free(task_ids) if task.status == TaskStatus.FAILED and planning.may_plan(task, by)
    ]
    dead_letters.drop_all(dead, reason=reason, by=by)
    return {task.pk for task in dead}
