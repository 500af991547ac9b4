"""Cancel: a task with its card and its money; those below it follow through the event log, many at a time.

Locks: the task (a judge's with the one it judges), card, windows, transactions; in sweeps, what cancel_many locks. Dies
anywhere: done or not; the follow-up runs again, and finds nothing left to cancel.
"""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import structlog

from chimera.flows import judge_results
from chimera.flows.cancel_many import cancel_many
from chimera.flows.grouping import in_groups, together
from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import conflict
from chimera.kernel.eventlog import Recorded
from chimera.kernel.sweep import Incomplete, one_by_one
from commerce import actions as commerce
from safety import actions as safety
from swarm import queries
from swarm.actions import tasks
from swarm.models import Task, TaskDependency
from swarm.states import SESSION_OPEN, TASK_OPEN, TaskStatus

log = structlog.get_logger()
AT_ONCE_MAX = 500  # tasks of one sweep
ENDED = "its session has ended"


def cancel_task(*, task_id: UUID, reason: str, by: Actor) -> Task:
    """409 unless it is open, or failed (then it is dropped from the dead letters)."""
    seen = tasks.read(task_id)
    locked = {t.pk: t for t in tasks.lock_all(judge_results.together(seen))}
    task = locked[task_id]
    if task.status == TaskStatus.CANCELLED:
        return task
    if task.status == TaskStatus.COMPLETED:
        raise conflict("This task has completed; there is nothing to cancel.", code="task_completed")
    safety.withdraw(task_id=task.pk, reason=reason or "task cancelled", by=by)
    commerce.void_all(task_id=task.pk, reason=reason or "task cancelled", by=by)
    tasks.cancel(task=task, reason=reason, by=by)
    judge_results.judge_lost(task, by)
    return task


def cancel_below(event: Recorded) -> None:
    """Reaction to TaskCancelled, TaskDropped: its children, and what waits for it, are cancelled too, at any depth.

    Ends with a look that finds nothing open below. What is created later finds what it names cancelled (`cancel_if_moot`).
    """
    assert event.task_id is not None
    if event.payload.get("swept"):
        return
    while found := _cancel_once_below(event):
        log.info("cancelled_below", task=str(event.task_id), tasks=found)


def _cancel_once_below(event: Recorded) -> int:
    """How many were found, slice by slice. What resists holds nobody else up; then it raises, to be tried again."""
    assert event.task_id is not None
    last, found, done = UUID(int=0), 0, 0
    while below := queries.open_descendants(event.task_id, after=last, limit=AT_ONCE_MAX):
        last, found = below[-1], found + len(below)
        these = [(event.tenant_id, task_id) for task_id in below]
        done += _sweep(these, reason=f"task {event.task_id} was cancelled")
    if done < found:  # Nobody else sweeps after this.
        raise Incomplete(f"{done} of {found} below {event.task_id} were cancelled; the log says why")
    return found


def cancel_if_moot(event: Recorded) -> None:
    """Reaction to TaskCreated: its parent, or what it waits for, may have been cancelled while it was being created."""
    assert event.task_id is not None
    parent = event.payload["parent"]
    if not event.payload["depends_on"] and not parent:
        return
    with tenancy.bound(event.tenant_id):
        lost = TaskDependency.objects.filter(task_id=event.task_id, depends_on__status=TaskStatus.CANCELLED).exists()
        if lost:
            cancel_if_open(event.task_id, reason="what it depends on was cancelled")
        elif parent and Task.objects.filter(pk=parent, status=TaskStatus.CANCELLED).exists():
            cancel_if_open(event.task_id, reason="its parent was cancelled")


def cancel_orphans() -> int:
    """Open tasks of sessions that have ended: what a stop has yet to sweep."""
    with tenancy.system():
        orphans = Task.objects.open().filter(session__in=queries.ended_at_work()).values_list("tenant_id", "pk")
        found = list(orphans.order_by("session_id", "pk")[:AT_ONCE_MAX])
    return _sweep(found, reason=ENDED)


def cancel_open_of(
    *, tenant_id: UUID, session_id: UUID | None = None, campaign_id: UUID | None = None, by: Actor = SYSTEM
) -> int:
    """The same for one session, or those of one campaign, right after the stop; answers how many are settled."""
    with tenancy.bound(tenant_id):
        ended = Task.objects.open().exclude(session__status__in=SESSION_OPEN)
        theirs = ended.filter(session_id=session_id) if session_id else ended.filter(session__campaign_id=campaign_id)
        found = [(tenant_id, task_id) for task_id in theirs.order_by("pk").values_list("pk", flat=True)[:AT_ONCE_MAX]]
    return _sweep(found, reason=ENDED, by=by)


def _sweep(found: Sequence[tuple[UUID, UUID]], *, reason: str, by: Actor = SYSTEM) -> int:
    """Cancel these (tenant_id, task_id) for a caller who looks after what is below them; answers how many are settled."""
    settled = 0
    for tenant_id, pairs in groupby(found, key=itemgetter(0)):
        for group in in_groups(task_id for _, task_id in pairs):
            done = together(tenant_id, group, partial(cancel_many, reason=reason, swept=True, by=by))
            left = [(tenant_id, task_id) for task_id in group if task_id not in done]
            settled += len(done) + one_by_one(left, partial(cancel_if_open, reason=reason, by=by))
    return settled


def cancel_if_open(task_id: UUID, *, reason: str, by: Actor = SYSTEM) -> None:
    """What has ended meanwhile stays as it is."""
    if Task.objects.filter(pk=task_id, status__in=TASK_OPEN).exists():
        cancel_task(task_id=task_id, reason=reason, by=by)
