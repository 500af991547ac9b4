"""Usage: what of budgets is held and captured now, in the tenant's own day and month. Reads only."""

from collections.abc import Sequence
from uuid import UUID

from chimera.kernel import clock, tenancy
from commerce.actions.windows import raising
from commerce.limits import Limit, usage
from commerce.models import BudgetConfig, SpendWindow
from commerce.periods import periods_at
from swarm.models import Tenant


def read_usage(budgets: Sequence[BudgetConfig]) -> dict[UUID, list[Limit]]:
    """The four limits of each budget, in two queries for any number of them, and a third where some are raised."""
    at = clock.now()
    periods = periods_at(at, tenant_time_zone())
    windows = list(SpendWindow.objects.of([budget.pk for budget in budgets], periods))
    raises = raising(budgets, at)
    return {budget.pk: usage(budget, windows, periods, raises, at) for budget in budgets}


def tenant_time_zone() -> str:
    """The bound tenant's IANA time zone."""
    zone: str = Tenant.objects.values_list("time_zone", flat=True).get(pk=tenancy.current())
    return zone
