"""Void what tasks hold, many of them at once: in the same few statements for one as for hundreds.

Locks, under the tasks' own, which the caller has: all their windows by id; then each task's transactions. Dies anywhere: nothing.
"""

from collections.abc import Collection
from uuid import UUID

from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from commerce import actions as commerce
from commerce.models import Transaction


def void_leased(task_ids: Collection[UUID], *, reason: str, by: Actor) -> None:
    """Of a metered hold what was spent is captured, as whenever a lease ends; what is held for an effect under way stays."""
    with_money = commerce.with_open_money(task_ids)
    if not with_money:
        return
    rows = list(Transaction.objects.of_tasks(with_money).open())
    voided = commerce.void_many(rows, reason=reason, time_zone=tenant_time_zone(), by=by)
    for task_id in sorted({row.task_id for row in rows if row.pk not in voided}):
        commerce.void_all(task_id=task_id, reason=reason, by=by)
