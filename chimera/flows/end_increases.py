"""Increases whose time has come end: the clock's step, one transaction each. Late or not, they count no longer.

Locks: the budget, then its windows by id. Dies anywhere: the clock comes by again.
"""

from uuid import UUID

from chimera.kernel import clock, tenancy
from chimera.kernel.sweep import one_by_one
from commerce.actions import increases
from commerce.models import LimitIncrease

AT_ONCE_MAX = 200


def end_increases() -> int:
    """Answers how many."""
    with tenancy.system():
        due = LimitIncrease.objects.due(clock.now()).order_by("expires_at").values_list("tenant_id", "pk")
        found = list(due[:AT_ONCE_MAX])
    return one_by_one(found, _end)


def _end(increase_id: UUID) -> None:
    increases.expire(increase_id=increase_id)
