"""Bulk: cancel, retry or drop what a filter finds, oldest first: what is plain in groups, the others one by one, as sweeps do.

Locks: for each group what cancel_many, retry_many or drop_many lock, then for each task that is left what cancel_task,
retry_task or drop_task lock. One that is refused, or is something else by the time its turn comes, is reported, and holds
nobody else up. Bounded by BULK_TASKS_MAX and BULK_SECONDS_MAX.
Dies anywhere: what is done is done, and does not match any more; the same call again does the rest.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, assert_never
from uuid import UUID

import structlog
from django.conf import settings

from chimera.flows import grouping, judge_results
from chimera.flows.cancel_many import cancel_many
from chimera.flows.cancel_task import cancel_task
from chimera.flows.drop_task import drop_many, drop_task
from chimera.flows.retry_task import retry_many, retry_task
from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict, invalid
from chimera.kernel.http.problem import as_refusal
from chimera.kernel.relay.slow_lane import is_outage
from swarm.actions import planning, tasks
from swarm.selection import TaskFilter
from swarm.states import TASK_OPEN, TaskStatus

log = structlog.get_logger()


class BulkVerb(StrEnum):
    CANCEL = "cancel"
    RETRY = "retry"
    DROP = "drop"


REACH: dict[BulkVerb, tuple[TaskStatus, ...]] = {
    BulkVerb.CANCEL: TASK_OPEN,  # what has failed is dropped, and not by the way
    BulkVerb.RETRY: (TaskStatus.FAILED,),
    BulkVerb.DROP: (TaskStatus.FAILED,),
}


@dataclass(frozen=True, slots=True)
class NotChanged:
    task: UUID
    code: str
    detail: str


@dataclass(slots=True)
class Outcome:
    """What became of those `looked_at`: `changed` of them, and those that `failed`. `next` is where to go on; None at the end.

    When time was up, some beyond `next` may have been changed together with those before it.
    """

    looked_at: set[UUID] = field(default_factory=set)
    changed: int = 0
    failed: list[NotChanged] = field(default_factory=list)
    next: UUID | None = None

    @property
    def matched(self) -> int:
        return len(self.looked_at)

    def note_changed(self, task_ids: Collection[UUID]) -> None:
        self.looked_at.update(task_ids)
        self.changed += len(task_ids)

    def note_failed(self, refused: NotChanged) -> None:
        self.looked_at.add(refused.task)
        self.failed.append(refused)


def change_matching(
    *,
    tenant_id: UUID,
    verb: BulkVerb,
    chosen: TaskFilter,
    by: Actor,
    reason: str = "",
    limit: int | None = None,
    after: UUID | None = None,
) -> Outcome:
    """For a planner only those that it, or a schedule of its, created are found. 422 for an empty filter, or a status out of reach."""
    chosen.check()
    statuses = _statuses(verb, chosen)
    most = min(limit or settings.BULK_TASKS_MAX, settings.BULK_TASKS_MAX)
    with tenancy.bound(tenant_id):
        rows = chosen.rows().filter(planning.reach(by), status__in=statuses)
        if after:
            rows = rows.filter(pk__gt=after)
        found = list(rows.order_by("pk").values_list("pk", flat=True)[: most + 1])
    outcome = change_each(
        tenant_id=tenant_id, verb=verb, task_ids=found[:most], statuses=statuses, reason=reason, by=by
    )
    if outcome.next is None and len(found) > most:
        outcome.next = found[most - 1]
    return outcome


def change_each(
    *,
    tenant_id: UUID,
    verb: BulkVerb,
    task_ids: Sequence[UUID],
    by: Actor,
    reason: str = "",
    statuses: Sequence[TaskStatus] = (),
) -> Outcome:
    """The same for tasks by name. At least one group is looked at, whatever the time. Raises when PostgreSQL is away."""
    outcome, ends = Outcome(), time.monotonic() + settings.BULK_SECONDS_MAX
    asked: dict[str, Any] = {"statuses": tuple(statuses) or REACH[verb], "reason": reason, "by": by}
    for place, task_id in enumerate(task_ids):
        if place and time.monotonic() > ends:
            outcome.next = task_ids[place - 1]
            break
        if place % grouping.TOGETHER_MAX == 0:
            group = task_ids[place : place + grouping.TOGETHER_MAX]
            outcome.note_changed(grouping.together(tenant_id, group, partial(_change_many, verb, **asked)))
        if task_id in outcome.looked_at:
            continue
        if refused := _refused(tenant_id, partial(_change, verb, **asked), task_id):
            outcome.note_failed(refused)
        else:
            outcome.note_changed([task_id])
    return outcome


def _statuses(verb: BulkVerb, chosen: TaskFilter) -> tuple[TaskStatus, ...]:
    if chosen.status is None:
        return REACH[verb]
    if chosen.status not in REACH[verb]:
        within = ", ".join(REACH[verb])
        detail = (
            f"A {verb} reaches tasks that are {within}; `status` says {chosen.status}. Leave it out, or name another."
        )
        raise invalid(detail, field_name="filter.status", code="status_out_of_reach")
    return (chosen.status,)


def _change(verb: BulkVerb, task_id: UUID, statuses: tuple[TaskStatus, ...], reason: str, by: Actor) -> None:
    match verb:
        case BulkVerb.CANCEL:
            _check_still(task_id, statuses)
            cancel_task(task_id=task_id, reason=reason, by=by)
        case BulkVerb.DROP:
            _check_still(task_id, statuses)
            drop_task(task_id=task_id, reason=reason, by=by)
        case BulkVerb.RETRY:
            retry_task(task_id=task_id, by=by)  # locks the session first, and refuses by itself what has not failed
        case _:
            assert_never(verb)


def _change_many(
    verb: BulkVerb, task_ids: Sequence[UUID], statuses: tuple[TaskStatus, ...], reason: str, by: Actor
) -> set[UUID]:
    match verb:
        case BulkVerb.CANCEL:
            return cancel_many(task_ids, statuses=statuses, reason=reason, by=by)
        case BulkVerb.DROP:
            return drop_many(task_ids, reason=reason, by=by)
        case BulkVerb.RETRY:
            return retry_many(task_ids, by=by)
        case _:
            assert_never(verb)


def _check_still(task_id: UUID, statuses: tuple[TaskStatus, ...]) -> None:
    """What was found may have changed since. Takes the locks that the flow takes next, in the same order."""
    for task in tasks.lock_all(judge_results.together(tasks.read(task_id))):
        if task.pk == task_id and task.status not in statuses:
            raise conflict(f"It is {task.status} by now; it was left alone.", code=f"task_{task.status}")


def _refused(tenant_id: UUID, step: Callable[[UUID], None], task_id: UUID) -> NotChanged | None:
    try:
        with tenancy.bound(tenant_id):
            step(task_id)
    except Exception as fault:
        if is_outage(fault):
            raise
        refusal = as_refusal(fault)
        if refusal is None:
            log.exception("bulk_failed", task=str(task_id))
            return NotChanged(task_id, "internal", "Something broke on our side; the log says what.")
        return NotChanged(task_id, refusal.code, refusal.detail)
    return None
