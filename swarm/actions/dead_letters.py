"""Dead letters: tasks that failed for good stand there until they are retried (swarm.actions.tasks) or dropped."""

from collections.abc import Sequence

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from chimera.kernel.eventlog import tell
from swarm.events import TaskDropped
from swarm.models import Task
from swarm.states import TASK, TaskStatus


def drop(*, task: Task, reason: str, by: Actor) -> None:
    """Give a failed task up; 409 for any other. What it died of stays in the facts, and in its results."""
    if task.status != TaskStatus.FAILED:
        raise conflict(f"Only a failed task can be dropped; this one is {task.status}.", code=f"task_{task.status}")
    drop_all([task], reason=reason, by=by)


def drop_all(dropped: Sequence[Task], *, reason: str, by: Actor) -> None:
    """Several failed tasks, which the caller has locked, in two statements."""
    died_of = {task.pk: str((task.error or {}).get("code", "")) for task in dropped}
    error = {"code": "dropped", "message": reason or f"Dropped by {by.name}.", "retryable": False}
    TASK.advance_each(dropped, to=TaskStatus.CANCELLED, completed_at=clock.now(), error=error)
    tell(*(TaskDropped.about(task, code=died_of[task.pk], reason=reason) for task in dropped), by=by)
