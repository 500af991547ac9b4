"""Approved holds whose task nobody claimed in time expire: the clock's step, one transaction per task.

Locks: the task, then windows by id, then its transactions. Dies anywhere: the clock comes by again.
"""

from chimera.kernel import clock, tenancy
from chimera.kernel.actors import SYSTEM
from commerce import actions as commerce
from commerce.models import Transaction
from swarm.actions import tasks

AT_ONCE_MAX = 200  # tasks of one sweep


def expire_holds() -> int:
    """Answers how many holds expired."""
    with tenancy.system():
        due = (
            Transaction.objects.resume_due(clock.now()).order_by("resume_deadline").values_list("tenant_id", "task_id")
        )
        found = dict.fromkeys(due[:AT_ONCE_MAX])
    expired = 0
    for tenant_id, task_id in found:
        with tenancy.bound(tenant_id):
            tasks.lock_all([task_id])  # A task that is gone leaves its money to be expired all the same.
            expired += len(commerce.expire_due(task_id=task_id, by=SYSTEM))
    return expired
