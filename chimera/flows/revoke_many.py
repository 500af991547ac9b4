"""Revoke many: leases of one tenant that a stop takes away, with their money, in the same few statements for one as for hundreds.

Locks: the tasks by id, without those that somebody holds; then all windows by id; then each task's transactions.
Dies anywhere: all of them are revoked and their holds void, or none; the clock comes by again.
"""

from collections.abc import Sequence
from uuid import UUID

from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from commerce import actions as commerce
from commerce.models import Transaction
from swarm.actions import tasks
from swarm.states import STOPPED_CODE, TaskStatus


def revoke_many(task_ids: Sequence[UUID], *, reason: str, by: Actor) -> set[UUID]:
    """Those that ran: back in the queue, at their place in it, their attempts as before. Of a metered hold what was spent is
    captured, as whenever a lease ends."""
    running = [task for task in tasks.lock_free(task_ids) if task.status == TaskStatus.RUNNING]
    found = {task.pk for task in running}
    if with_money := commerce.with_open_money(found):
        rows = list(Transaction.objects.of_tasks(with_money).open())
        voided = commerce.void_many(rows, reason=reason, time_zone=tenant_time_zone(), by=by)
        for task_id in sorted({row.task_id for row in rows if row.pk not in voided}):
            commerce.void_all(task_id=task_id, reason=reason, by=by)
    tasks.revoke_all(running, code=STOPPED_CODE, message=reason, by=by)
    return found
