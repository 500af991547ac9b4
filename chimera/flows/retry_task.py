"""Retry: a failed task starts anew; a manual one that nobody ever started waits for a person again.

Locks: the session (FOR SHARE), then the task. Dies anywhere: nothing, or all of it.
"""

from uuid import UUID

from chimera.flows.create_tasks import wait_for_a_person
from chimera.kernel.actors import Actor
from swarm.actions import sessions, tasks
from swarm.models import Task


def retry_task(*, task_id: UUID, by: Actor) -> Task:
    """409 unless it failed and its session is open; 403 for a planner who did not create it."""
    seen = tasks.read(task_id)
    tasks.check_planner(seen, by)
    sessions.lock_for_tasks(seen.session_id, by=by)
    task = tasks.lock(task_id)
    tasks.retry(task=task, by=by)
    if tasks.never_started(task):
        wait_for_a_person(task)
    return task
