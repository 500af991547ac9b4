"""Actions that cannot go on any more: their lease, card or time is over; and those of whose effect nobody said what came.

One transaction per task. Locks: the task, then windows by id, then transactions. Dies anywhere: the clock comes by again. Late does
no harm: who asks to execute is checked against lease and task in any case.
"""

from uuid import UUID

from chimera.kernel import clock, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.sweep import one_by_one
from commerce import actions as commerce
from commerce.models import Transaction
from commerce.states import Keeper
from safety.actions import proposals
from safety.models import Action
from safety.states import ActionStatus
from swarm.actions import tasks

AT_ONCE_MAX = 200  # actions of one sweep


def end_actions() -> int:
    """The clock's step. Answers of how many tasks."""
    with tenancy.system():
        over = Action.objects.over(clock.now()).order_by("pk").values_list("tenant_id", "task_id")
        found = list(dict.fromkeys(over[:AT_ONCE_MAX]))
    return one_by_one(found, end_actions_of)


def end_actions_of(task_id: UUID) -> None:
    tasks.lock_all([task_id])
    over = list(Action.objects.of_task(task_id).over(clock.now()).order_by("pk"))
    lost = [action for action in over if action.status == ActionStatus.EXECUTING]
    paid = [action.transaction_id for action in lost if action.transaction_id]
    for hold in commerce.locked(Transaction.objects.filter(pk__in=paid, keeper=Keeper.ACTION)) if paid else []:
        commerce.capture(transaction=hold, amount_usd=None, by=SYSTEM)
    for action in over:
        if action in lost:
            proposals.lose(action=action)
        else:
            proposals.end(action=action, reason="Its lease, its card or its time is over.", by=SYSTEM)
