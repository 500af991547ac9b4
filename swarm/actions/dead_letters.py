"""Dead letters: tasks that failed for good stand there until they are retried (swarm.actions.tasks) or dropped."""

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
    died_of = str((task.error or {}).get("code", ""))
    error = {"code": "dropped", "message": reason or f"Dropped by {by.name}.", "retryable": False}
    TASK.advance(task, to=TaskStatus.CANCELLED, completed_at=clock.now(), error=error)
    tell(TaskDropped.about(task, code=died_of, reason=reason), by=by)
