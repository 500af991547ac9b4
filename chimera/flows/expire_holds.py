"""Approved holds whose task nobody claimed in time expire: the clock's step, one transaction per task.

Locks: the task, then windows by id, then its transactions. Dies anywhere: the clock comes by again.
"""

from uuid import UUID

from chimera.kernel import clock, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.sweep import one_by_one
from commerce import actions as commerce
from commerce.models import Transaction
from swarm.actions import tasks

AT_ONCE_MAX = 200  # tasks of one sweep


def expire_holds() -> int:
    """Answers for how many tasks."""
    with tenancy.system():
        due = (
            Transaction.objects.resume_due(clock.now()).order_by("resume_deadline").values_list("tenant_id", "task_id")
        )
        found = list(dict.fromkeys(due[:AT_ONCE_MAX]))
    return one_by_one(found, expire_holds_of)


def expire_holds_of(task_id: UUID) -> None:
    tasks.lock_all([task_id])  # A task that is gone leaves its money to be expired all the same.
    commerce.expire_due(task_id=task_id, by=SYSTEM)
