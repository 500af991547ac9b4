"""Rules of budgets: which act, what they refuse, whom they ask, and putting others in their place.

They are replaced under the locks of the budget and its open windows (docs/locking.md), so that a spend has passed before
or meets the new ones.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale, not_found
from chimera.kernel.eventlog import tell
from commerce import rules
from commerce.actions import pace, windows
from commerce.actions.purchase import Approval, Purchase, Refusal
from commerce.events import BudgetRulesChanged
from commerce.models import BudgetConfig, BudgetRules, SpendWindow
from commerce.rules import NONE, Rules

Acting = dict[UUID, BudgetRules]


def acting(budgets: Iterable[BudgetConfig]) -> Acting:
    """The rules of those budgets that have some, by budget; asks nothing where none has."""
    with_some = [budget for budget in budgets if budget.rules_version]
    if not with_some:
        return {}
    return {row.budget_id: row for row in BudgetRules.objects.acting(with_some)}


def refusal(budgets: Sequence[BudgetConfig], acting: Acting, purchase: Purchase, at: datetime) -> Refusal | None:
    """The first rule of any budget that this purchase breaks: names first, which no waiting helps, then velocity."""
    for budget in budgets:
        row = acting.get(budget.pk)
        if row is None:
            continue
        found = rules.broken(row.parsed, payee=purchase.payee, category=purchase.category, asset=purchase.asset_symbol)
        if found is not None:
            return Refusal(
                code=found.code,
                detail=f"{found.said} of the {budget.scope} budget {budget.pk} (its rules, version {row.version}).",
                budget_id=budget.pk,
                rule=found.rule,
                rules_version=row.version,
            )
    return pace.exceeded(budgets, acting, purchase.amount_usd, at)


def approvals(budgets: Iterable[BudgetConfig], acting: Acting, amount: Decimal) -> tuple[Approval, ...]:
    """What each budget asks for above an amount, its strictest tier; most approvers first, of equals the lowest amount."""
    found = []
    for budget in budgets:
        row = acting.get(budget.pk)
        tier = rules.strictest(row.parsed if row else NONE, budget.approval_threshold_usd, amount)
        if tier is not None:
            found.append(
                Approval(
                    budget_id=budget.pk, above_usd=tier.above_usd, approvers=tier.approvers, roles=tuple(tier.roles)
                )
            )
    return tuple(sorted(found, key=lambda each: (-each.approvers, each.above_usd, each.budget_id)))


def replace(*, budget_id: UUID, rules: Rules, expected_version: int | None, by: Actor) -> BudgetConfig:
    """The budget's next version of rules, which acts at once; nothing where they say what acts already.

    Makes no work stale. 409 unless `expected_version` of the rules (0: none yet) still acts.
    """
    budget: BudgetConfig | None = BudgetConfig.objects.filter(pk=budget_id).select_for_update(no_key=True).first()
    if budget is None:
        raise not_found("budget")
    if expected_version is not None and expected_version != budget.rules_version:
        raise Stale(f"Its rules are at version {budget.rules_version}; read them again.", version=budget.rules_version)
    at = clock.now()
    if of(budget) == rules:
        return budget
    windows.lock(SpendWindow.objects.filter(budget=budget).not_over(at).values_list("pk", flat=True))
    version = budget.rules_version + 1
    BudgetRules.objects.create(budget=budget, version=version, rules=rules.stored(), created_by=str(by), created_at=at)
    BudgetConfig.objects.filter(pk=budget.pk).update(rules_version=version, version=F("version") + 1, updated_at=at)
    budget.refresh_from_db()
    tell(BudgetRulesChanged.about(budget, rules=rules.stored()), by=by)
    return budget


def of(budget: BudgetConfig) -> Rules:
    """The rules of a budget that act now; NONE where it has none."""
    row = acting([budget]).get(budget.pk)
    return row.parsed if row else NONE
