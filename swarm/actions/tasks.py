"""Tasks: every change of their status; how they begin stands in `creating`. What money and cards need besides stands in the flows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import random
from typing import Any
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import StaleLease, conflict, not_found
from chimera.kernel.eventlog import tell
from swarm.actions import backoff, houses
from swarm.actions.backoff import Cause
from swarm.events import TaskBlocked, TaskCancelled, TaskCompleted, TaskFailed, TaskRequeued, TaskResumed
from swarm.models import SwarmSession, Task
from swarm.models.task import ExecutionMode
from swarm.states import SESSION_OPEN, TASK, AgentStatus, StopKind, TaskStatus

_RELEASED: dict[str, Any] = {"lease_token": None, "lease_expires_at": None}


def lock(task_id: UUID) -> Task:
    """The task's row, locked. Every flow locks before it writes (docs/locking.md)."""
    found: Task = Task.objects.select_for_update(no_key=True).get_or_refuse(task_id)
    return found


def lock_all(task_ids: Iterable[UUID]) -> list[Task]:
    """Several tasks, locked in the order of their ids; those that do not exist are left out."""
    rows = Task.objects.select_for_update(no_key=True)
    return list(rows.filter(pk__in=list(task_ids)).order_by("pk"))


def lock_free(task_ids: Iterable[UUID]) -> list[Task]:
    """Those of many tasks that nobody holds, locked in the order of their ids; without their payloads, which may be large."""
    rows = Task.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=list(task_ids))
    return list(rows.defer("input_payload", "metadata", "description").order_by("pk"))


def check_lease(task: Task, lease_token: UUID, *, agent_id: UUID | None = None) -> None:
    """Raises StaleLease unless the token is the task's own, now, in the hands of the agent that claimed it and was not killed
    since, in an open session, and neither its tenant nor everything is stopped.

    A stop so revokes every lease of what it stops at once; the sweep that takes the tasks away only tidies up.
    """
    fits = task.status == TaskStatus.RUNNING and task.lease_token == lease_token
    if fits and task.lease_expires_at and task.lease_expires_at <= clock.now():
        fits = False  # Lapsed, though the sweep has not come by yet.
    if not fits or (agent_id is not None and task.agent_id != agent_id):
        raise StaleLease
    if session_of(task).status not in SESSION_OPEN:
        raise StaleLease("Its session has ended; drop the work.")
    if task.acting_stop == StopKind.STOP:
        raise StaleLease("All work of this tenant was stopped; drop what you hold.")
    if task.agent is not None and task.agent.status == AgentStatus.SUSPENDED:
        raise StaleLease("This agent was killed; drop the work.")


def holds(task: Task, lease_token: UUID, *, agent_id: UUID) -> bool:
    """The same as a question."""
    try:
        check_lease(task, lease_token, agent_id=agent_id)
    except StaleLease:
        return False
    return True


def session_of(task: Task) -> SwarmSession:
    """The task's session with its campaign, read once: after the task's lock, where there is one."""
    if not houses.is_read(task):
        houses.read([task])
    return task.session


def is_stale(task: Task) -> bool:
    """Whether goal, budget or context changed since the task was claimed. Asked after the task's lock."""
    return was_claimed_before(session_of(task), task)


def was_claimed_before(session: SwarmSession, task: Task) -> bool:
    """The same of a session that was read with its campaign. Asks nothing."""
    campaign_version = session.campaign.state_version if session.campaign else None
    return (session.state_version, campaign_version) != (task.claimed_session_version, task.claimed_campaign_version)


def block(*, task: Task, reason: str, by: Actor) -> None:
    """Take it from its agent until somebody has looked; `reason` is shown."""
    TASK.advance(task, to=TaskStatus.BLOCKED, blocked_reason=reason[:200], **_RELEASED)
    tell(TaskBlocked.about(task, reason=reason[:200]), by=by)


def complete(*, task: Task, result_id: UUID | None, says: bool = True, by: Actor) -> None:
    """`says`: its result may have words to remember."""
    TASK.advance(
        task,
        to=TaskStatus.COMPLETED,
        completed_at=clock.now(),
        blocked_reason="",
        error=None,
        resume=None,
        **_RELEASED,
    )
    tell(TaskCompleted.about(task, result=result_id, says=says), by=by)


def fail(*, task: Task, code: str, message: str, retryable: bool = False, by: Actor) -> None:
    """For good: it stands in the dead-letter view until it is retried or dropped. `retryable` is what its agent said."""
    error = {"code": code, "message": message, "retryable": retryable}
    TASK.advance(
        task, to=TaskStatus.FAILED, completed_at=clock.now(), blocked_reason="", error=error, resume=None, **_RELEASED
    )
    tell(TaskFailed.about(task, code=code, reason=message), by=by)


def until_next(
    task: Task, cause: Cause, *, retryable: bool = True, retry_after_seconds: float | None = None
) -> timedelta | None:
    """How long a RUNNING task waits before its next attempt (zero: not at all), by chance; None if there is none.

    There is none either when it could begin only after the deadline.
    """
    wait = backoff.until_next(
        cause=cause,
        attempt=task.attempt_count,
        attempts_max=task.max_attempts,
        share=random(),
        retryable=retryable,
        retry_after_seconds=retry_after_seconds,
    )
    too_late = wait and task.deadline_at and clock.now() + wait >= task.deadline_at
    return None if too_late else wait


def requeue(
    *, task: Task, code: str, message: str, wait: timedelta = timedelta(), attempt_back: bool = False, by: Actor
) -> None:
    """For another attempt: back to the queue, or PENDING until `wait` is over. With `attempt_back` this one does not count."""
    again = wait <= timedelta()
    at = clock.now()
    changes: dict[str, Any] = {"queued_at": at} if again else {"queued_at": None, "not_before": at + wait}
    # What the creator said of `not_before` has come true: the task ran. So it may say now when it runs again.
    TASK.advance(
        task,
        to=TaskStatus.QUEUED if again else TaskStatus.PENDING,
        attempt_count=max(0, task.attempt_count - 1) if attempt_back else task.attempt_count,
        error={"code": code, "message": message, "retryable": True},
        blocked_reason="",
        resume=None,
        **changes,
        **_RELEASED,
    )
    tell(TaskRequeued.about(task, code=code, reason=message, not_before=changes.get("not_before")), by=by)


def revoke_all(revoked: Sequence[Task], *, code: str, message: str, by: Actor) -> None:
    """Several RUNNING tasks, which the caller has locked, back to the queue at once: nobody's fault, so no attempt is used up."""
    error = {"code": code, "message": message, "retryable": True}
    alike: dict[int, list[Task]] = defaultdict(list)
    for task in revoked:
        counted = task.resume is None or task.resume["counts"]
        alike[max(0, task.attempt_count - counted)].append(task)
    for attempts, group in sorted(alike.items()):
        again: dict[str, Any] = {"attempt_count": attempts, "queued_at": clock.now(), "error": error, "resume": None}
        TASK.advance_each(group, to=TaskStatus.QUEUED, blocked_reason="", **again, **_RELEASED)
    tell(*(TaskRequeued.about(task, code=code, reason=message) for task in revoked), by=by)


def go_on(*, task: Task, after: dict[str, Any], counts: bool, by: Actor) -> None:
    """After a decision: back to the queue (or PENDING while it waits for others); the next claim carries `resume`.

    `after`: {review, note, decision, action?, edited?}, as the claim tells it. `counts`: whether that claim uses up an attempt, as the
    first one of a manual task does; resuming does not.
    """
    target, queued_at = _ready_or_waiting(task)
    TASK.advance(task, to=target, queued_at=queued_at, blocked_reason="", resume=after | {"counts": counts})
    tell(TaskResumed.about(task, review=after["review"]), by=by)


def _ready_or_waiting(task: Task) -> tuple[TaskStatus, datetime | None]:
    return (TaskStatus.QUEUED, clock.now()) if task.pk in _ready([task]) else (TaskStatus.PENDING, None)


def _ready(those: Sequence[Task]) -> set[UUID]:
    """Which of them wait neither for their time nor for others."""
    at = clock.now()
    due = [task.pk for task in those if task.not_before is None or task.not_before <= at]
    return set(Task.objects.filter(pk__in=due).with_dependencies_met().values_list("pk", flat=True)) if due else set()


def cancel(*, task: Task, reason: str, by: Actor) -> None:
    cancel_all([task], reason=reason, by=by)


def cancel_all(cancelled: Sequence[Task], *, reason: str, swept: bool = False, by: Actor) -> None:
    """Several tasks, which the caller has locked, in two statements. `swept`: the caller looks after what is below them."""
    error = {"code": "cancelled", "message": reason or f"Cancelled by {by.name}.", "retryable": False}
    TASK.advance_each(
        cancelled,
        to=TaskStatus.CANCELLED,
        completed_at=clock.now(),
        blocked_reason="",
        error=error,
        resume=None,
        **_RELEASED,
    )
    tell(*(TaskCancelled.about(task, reason=reason, swept=swept) for task in cancelled), by=by)


def retry(*, task: Task, by: Actor) -> None:
    """A failed task starts anew, with all its attempts; PENDING while it waits for others, or for a person to start it."""
    if task.status != TaskStatus.FAILED:
        raise conflict(f"Only a failed task can be retried; this one is {task.status}.", code=f"task_{task.status}")
    retry_all([task], by=by)


def retry_all(retried: Sequence[Task], *, by: Actor) -> None:
    """Several failed tasks, which the caller has locked, in a few statements."""
    ready = _ready([task for task in retried if not never_started(task)])
    at = clock.now()
    for target, queued_at, group in (
        (TaskStatus.QUEUED, at, [task for task in retried if task.pk in ready]),
        (TaskStatus.PENDING, None, [task for task in retried if task.pk not in ready]),
    ):
        again: dict[str, Any] = {"completed_at": None, "attempt_count": 0, "error": None, "resume": None}
        TASK.advance_each(group, to=target, queued_at=queued_at, **again)
    tell(*(TaskRequeued.about(task, code="retried", reason=f"retried by {by.name}") for task in retried), by=by)


def allot(*, task: Task, budget_usd: Decimal) -> None:
    """What its carved budget says from now on; the task is locked, and the budget tells of it."""
    Task.objects.filter(pk=task.pk).update(budget_usd=budget_usd)


def never_started(task: Task) -> bool:
    """A manual one for whose start a person has yet to be asked, or was asked in vain."""
    return task.execution_mode == ExecutionMode.MANUAL and task.started_at is None


def read_all(task_ids: Iterable[UUID]) -> dict[UUID, Task]:
    """Those that exist, each with session, campaign and agent, in one statement."""
    return {task.pk: task for task in Task.objects.with_house().filter(pk__in=list(task_ids))}


def read(task_id: UUID) -> Task:
    found: Task | None = Task.objects.with_house().filter(pk=task_id).first()
    if found is None:
        raise not_found("task")
    return found
