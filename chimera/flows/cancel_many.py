"""Cancel many: those that are simply open (no card, no judge), with their money, in the same few statements for one as for hundreds.

Locks: the tasks by id, without those that somebody holds; then what void_leased locks. Dies anywhere: all of them are cancelled and
their holds void, or none.
"""

from collections.abc import Sequence
from uuid import UUID

from chimera.flows import judge_results
from chimera.flows.void_leased import void_leased
from chimera.kernel.actors import Actor
from safety.models import ReviewCard
from safety.states import CardStatus
from swarm.actions import tasks
from swarm.models import Task
from swarm.states import TASK_OPEN, TaskStatus


def cancel_many(
    task_ids: Sequence[UUID],
    *,
    reason: str,
    by: Actor,
    swept: bool = False,
    statuses: Sequence[TaskStatus] = TASK_OPEN,
) -> set[UUID]:
    """Those that were cancelled; the others are for `cancel_task`. With `swept` nobody but the caller looks below them."""
    plain = _plain(tasks.lock_free(task_ids), statuses)
    void_leased({task.pk for task in plain}, reason=reason or "task cancelled", by=by)
    tasks.cancel_all(plain, reason=reason, swept=swept, by=by)
    return {task.pk for task in plain}


def _plain(locked: Sequence[Task], statuses: Sequence[TaskStatus]) -> list[Task]:
    """Believed under their locks."""
    found = {task.pk: task for task in locked if task.status in statuses and not judge_results.is_verdict(task)}
    pending = ReviewCard.objects.filter(task_id__in=found, status=CardStatus.PENDING)
    carded = set(pending.values_list("task_id", flat=True))
    return [task for task in found.values() if task.pk not in carded]
