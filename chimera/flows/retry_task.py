"""Retry: a failed task starts anew; a manual one that nobody ever started waits for a person again.

Locks: the session (FOR SHARE), then the task; for one with a carved budget also the windows of the tasks above it, by id. Of
many the sessions by id, then the tasks by id without those that somebody holds. Dies anywhere: nothing, or all of it.
"""

from collections.abc import Sequence
from uuid import UUID

from chimera.flows.carve_budgets import take_back
from chimera.flows.create_tasks import wait_for_a_person
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused
from swarm.actions import planning, sessions, tasks
from swarm.models import Task
from swarm.states import TaskStatus


def retry_task(*, task_id: UUID, by: Actor) -> Task:
    """409 unless it failed and its session is open; 403 for a planner who did not create it; 422 where what it gave back of
    its budget was given to others meanwhile."""
    seen = tasks.read(task_id)
    planning.check_planner(seen, by)
    sessions.lock_for_tasks(seen.session_id, by=by)
    task = tasks.lock(task_id)
    if task.status == TaskStatus.FAILED:
        take_back(task)
    tasks.retry(task=task, by=by)
    if tasks.never_started(task):
        wait_for_a_person(task)
    return task


def retry_many(task_ids: Sequence[UUID], *, by: Actor) -> set[UUID]:
    """Those that were retried, in the same few statements for one as for hundreds; the others are for `retry_task`."""
    of_session = dict(Task.objects.filter(pk__in=task_ids).values_list("pk", "session_id"))
    going = {session_id for session_id in sorted(set(of_session.values())) if _goes_on(session_id, by)}
    asked = [task_id for task_id, session_id in of_session.items() if session_id in going]
    plain = [task for task in tasks.lock_free(asked) if _is_plain(task, by)]
    tasks.retry_all(plain, by=by)
    return {task.pk for task in plain}


def _goes_on(session_id: UUID, by: Actor) -> bool:
    """Held open, if so."""
    try:
        sessions.lock_for_tasks(session_id, by=by)
    except Refused:  # `retry_task` says why
        return False
    return True


def _is_plain(task: Task, by: Actor) -> bool:
    mine = task.status == TaskStatus.FAILED and planning.may_plan(task, by)
    return mine and task.budget_usd is None and not tasks.never_started(task)
