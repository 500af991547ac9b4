"""Budgets: create and change. Whether the scope exists, and who else must know, is the flows' part."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale, invalid, not_found
from chimera.kernel.eventlog import tell
from chimera.kernel.http.parsing import money_text
from commerce.actions import windows
from commerce.events import BudgetChanged, BudgetCreated
from commerce.models import BudgetConfig, SpendWindow
from commerce.models.budget import LIMITS
from commerce.states import Currency, Scope

CHANGEABLE = frozenset({"is_active", *LIMITS})


def create(
    *,
    scope: Scope,
    scope_id: UUID | None,
    currency: Currency,
    is_active: bool,
    limits: dict[str, Decimal | None],
    by: Actor,
) -> BudgetConfig:
    """A new budget; its windows are made by its first spends. Limits that are left out are none."""
    if (scope == Scope.TENANT) != (scope_id is None):
        said = "has no `scope_id`" if scope == Scope.TENANT else f"needs the `scope_id` of a {scope}"
        raise invalid(f"A budget for a {scope} {said}.", field_name="scope_id", code="invalid_scope")
    _check(limits)
    budget = BudgetConfig.objects.create(
        scope=scope, scope_id=scope_id, currency=currency, is_active=is_active, created_by=str(by), **limits
    )
    tell(BudgetCreated.about(budget), by=by)
    return budget


def differences(budget: BudgetConfig, changes: dict[str, Any]) -> dict[str, Any]:
    """Those of the changes that would change something."""
    return {name: value for name, value in changes.items() if getattr(budget, name) != value}


def check_version(budget: BudgetConfig, expected_version: int | None) -> None:
    """409 unless the caller saw the budget as it is, or does not mind."""
    if expected_version is not None and expected_version != budget.version:
        raise Stale(f"The budget is at version {budget.version}; read it again.", version=budget.version)


def change(*, budget_id: UUID, changes: dict[str, Any], expected_version: int | None, by: Actor) -> BudgetConfig:
    """Set limits, threshold or `is_active`; the open windows get the new limits in the same transaction.

    Acts at once: a spend that is being decided right now either has passed before or meets the new limits.
    """
    _check(changes)
    budget: BudgetConfig | None = BudgetConfig.objects.filter(pk=budget_id).select_for_update(no_key=True).first()
    if budget is None:
        raise not_found("budget")
    check_version(budget, expected_version)
    fresh = differences(budget, changes)
    if not fresh:
        return budget
    if budget.is_carved and fresh.get("total_usd", budget.total_usd) is None:
        detail = "This budget was carved for its task, and is nothing without `total_usd`; set another total."
        raise invalid(detail, field_name="total_usd", code="carved_needs_total")
    before = {name: _plain(getattr(budget, name)) for name in fresh}
    at = clock.now()
    BudgetConfig.objects.filter(pk=budget.pk).update(version=F("version") + 1, updated_at=at, **fresh)
    budget.refresh_from_db()
    open_windows = SpendWindow.objects.filter(budget=budget).not_over(at).order_by("pk")
    windows.set_limits(list(open_windows.select_for_update(no_key=True)), at)
    tell(BudgetChanged.about(budget, before=before), by=by)
    return budget


def _check(changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if name not in CHANGEABLE:
            raise ValueError(f"{name} of a budget cannot be set here")
        if isinstance(value, Decimal) and (not value.is_finite() or value < 0):
            raise invalid(f"`{name}` must be zero or more.", field_name=name, code="invalid_money")


def _plain(value: Decimal | bool | None) -> str | bool | None:
    return money_text(value) if isinstance(value, Decimal) else value
