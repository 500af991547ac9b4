"""Cancel many: those that are simply open (no card, no money, no judge) in one transaction, in the same few statements for one
as for hundreds; the others are left to `cancel_task`, one by one.

Locks: the tasks by id, without those that somebody holds. Dies anywhere: that group is cancelled, or none of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from uuid import UUID

import structlog

from chimera.flows import judge_results
from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.relay.slow_lane import is_outage
from commerce import actions as commerce
from safety.models import ReviewCard
from safety.states import CardStatus
from swarm.actions import tasks
from swarm.models import Task
from swarm.states import TASK_OPEN, TaskStatus

log = structlog.get_logger()
TOGETHER_MAX = 200  # tasks that are locked together: some 50 ms


def in_groups(task_ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    rest = iter(task_ids)
    while group := list(islice(rest, TOGETHER_MAX)):
        yield group


def cancel_together(
    tenant_id: UUID,
    task_ids: Sequence[UUID],
    *,
    reason: str,
    by: Actor,
    swept: bool = False,
    statuses: Sequence[TaskStatus] = TASK_OPEN,
) -> set[UUID]:
    """Those of one group that were cancelled. A fault of one is not the others' fault: then all are left.

    With `swept` the caller looks after what is below them, and nobody else does. Raises when PostgreSQL is away.
    """
    try:
        with tenancy.bound(tenant_id):
            plain = _plain(tasks.lock_free(task_ids), statuses)
            tasks.cancel_all(plain, reason=reason, swept=swept, by=by)
            return {task.pk for task in plain}
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("cancels_go_alone", tasks=len(task_ids), error=repr(fault))
        return set()


def _plain(locked: Sequence[Task], statuses: Sequence[TaskStatus]) -> list[Task]:
    """Believed under their locks: without card or money, and no judge's."""
    found = {task.pk: task for task in locked if task.status in statuses and not judge_results.is_verdict(task)}
    moneyed = commerce.with_open_money(found)
    pending = ReviewCard.objects.filter(task_id__in=found, status=CardStatus.PENDING)
    carded = set(pending.values_list("task_id", flat=True))
    return [task for task in found.values() if task.pk not in moneyed | carded]
