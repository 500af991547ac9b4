"""Drop: a dead letter is given up, and with it what waits for it, which could never begin.

Its card was settled and its money released when it failed, so the task alone is left. Those below it are cancelled through
the event log, one transaction each, as after a cancel.
Locks: the task. Dies anywhere: still a dead letter, or dropped; the follow-up runs again.
"""

from uuid import UUID

from chimera.kernel.actors import Actor
from swarm.actions import dead_letters, tasks
from swarm.models import Task
from swarm.states import TaskStatus


def drop_task(*, task_id: UUID, reason: str, by: Actor) -> Task:
    """409 unless it failed; one that is cancelled already is answered as it is. 403 for a planner who did not create it."""
    task = tasks.lock(task_id)
    tasks.check_planner(task, by)
    if task.status != TaskStatus.CANCELLED:
        dead_letters.drop(task=task, reason=reason, by=by)
    return task
