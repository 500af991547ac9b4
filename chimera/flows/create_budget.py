"""Create a budget for something of this tenant that exists.

Locks: nothing; the budget is new. Dies anywhere: nothing, or all of it.
"""

from decimal import Decimal
from uuid import UUID

from chimera.kernel.actors import Actor
from chimera.kernel.errors import invalid
from commerce.actions import budgets
from commerce.models import BudgetConfig
from commerce.states import Currency, Scope
from swarm.models import AgentProfile, Campaign, SwarmSession, Task


def create_budget(
    *,
    scope: Scope,
    scope_id: UUID | None,
    currency: Currency,
    is_active: bool,
    limits: dict[str, Decimal | None],
    by: Actor,
) -> BudgetConfig:
    """422 `unknown_scope` unless `scope_id` names one of the tenant's own."""
    if scope_id is not None and not _exists(scope, scope_id):
        raise invalid(f"There is no {scope} {scope_id} in your tenant.", field_name="scope_id", code="unknown_scope")
    return budgets.create(scope=scope, scope_id=scope_id, currency=currency, is_active=is_active, limits=limits, by=by)


def _exists(scope: Scope, scope_id: UUID) -> bool:
    match scope:
        case Scope.TENANT:
            return True  # `budgets.create` says that a tenant's budget has no `scope_id`.
        case Scope.CAMPAIGN:
            return Campaign.objects.filter(pk=scope_id).exists()
        case Scope.SESSION:
            return SwarmSession.objects.filter(pk=scope_id).exists()
        case Scope.AGENT:
            return AgentProfile.objects.filter(pk=scope_id).exists()
        case Scope.TASK:
            return Task.objects.filter(pk=scope_id).exists()
