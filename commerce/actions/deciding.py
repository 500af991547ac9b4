"""What becomes of a purchase. Decided in memory, from what was read under the locks of the windows; the ledger is asked for velocity alone.

One spend at a time and many together (docs/adr/0088-one-hot-budget.md) are decided by the same function.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chimera.kernel.http.parsing import money_text
from commerce.actions import rules
from commerce.actions.purchase import Approval, Purchase, Refusal
from commerce.actions.rules import Acting
from commerce.limits import Limit, Raises, tightest, usage
from commerce.models import BudgetConfig, SpendWindow
from commerce.periods import Period
from commerce.states import Currency, DeniedCode, WindowKind


@dataclass(slots=True)
class Books:
    """What decides about the spends of one place. All of it stands still while the windows are locked."""

    budgets: Sequence[BudgetConfig]  # every one that applies, active or not, by id
    windows: Sequence[SpendWindow]  # theirs, of these periods
    periods: Sequence[Period]
    acting: Acting
    raises: Sequence[Raises]
    standing: Refusal | None = field(init=False)
    active: list[BudgetConfig] = field(init=False)
    counted: list[SpendWindow] = field(init=False)  # the windows of the active ones

    def __post_init__(self) -> None:
        self.standing = standing_of(self.budgets)
        self.active = [budget for budget in self.budgets if budget.is_active]
        ids = {budget.pk for budget in self.active}
        self.counted = [window for window in self.windows if window.budget_id in ids]

    def limits(self, at: datetime) -> list[Limit]:
        return [limit for b in self.active for limit in usage(b, self.counted, self.periods, self.raises, at)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`refusal`, or else every window may hold it: at once, or where there are `approvals` in review."""

    budgets: list[UUID]  # that were asked
    limits: Sequence[Limit] = ()
    refusal: Refusal | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def deciding(self) -> UUID | None:
        """The budget that is named first."""
        if self.refusal is not None:
            return self.refusal.budget_id
        if self.approvals:
            return self.approvals[0].budget_id
        least = tightest(self.limits)
        return least.budget_id if least else None


def decide(books: Books, purchase: Purchase, at: datetime) -> Verdict:
    """First the budgets' standing decides, then their rules, then their limits; then who must approve."""
    if books.standing is not None:
        return Verdict([budget.pk for budget in books.budgets], refusal=books.standing)
    asked, limits = [budget.pk for budget in books.active], books.limits(at)
    if (refusal := rules.refusal(books.active, books.acting, purchase, at)) is not None:
        return Verdict(asked, limits, _within(refusal, limits))
    if not all(limit.permits(purchase.amount_usd) for limit in limits):
        return Verdict(asked, limits, overstepped(purchase.amount_usd, limits))
    return Verdict(asked, limits, approvals=rules.approvals(books.active, books.acting, purchase.amount_usd))


def standing_of(budgets: Sequence[BudgetConfig]) -> Refusal | None:
    """Refusals that have nothing to do with the amount. A carved budget is no leave to spend, and stands for no other."""
    if all(budget.is_carved for budget in budgets):
        return refused(
            DeniedCode.NO_BUDGET,
            "No budget applies to this task, and without one nothing may be spent; ask finance for one.",
        )
    served = {(budget.scope, budget.scope_id) for budget in budgets if budget.is_active and not budget.is_carved}
    for budget in budgets:
        if not budget.is_active and (budget.scope, budget.scope_id) not in served:
            return refused(
                DeniedCode.BUDGET_INACTIVE,
                f"The {budget.scope} budget {budget.pk} is switched off; ask finance.",
                budget,
            )
    for budget in budgets:
        if budget.is_active and budget.currency != Currency.USD:
            return refused(
                DeniedCode.CURRENCY_MISMATCH,
                f"The {budget.scope} budget {budget.pk} is kept in {budget.currency}, spends are in USD; ask finance.",
                budget,
            )
    return None


def overstepped(amount: Decimal, limits: Iterable[Limit]) -> Refusal:
    """The refusal of the limit that leaves least."""
    least = tightest(limits)
    if least is None or least.remaining_usd is None:
        raise RuntimeError("a window refused, though nothing is limited")
    until = f" until {least.resets_at.isoformat()}" if least.resets_at else ""
    allowed = "allows at most" if least.window == WindowKind.TRANSACTION else "has left"
    detail = (
        f"{money_text(amount)} USD is more than the {least.window} limit of budget {least.budget_id} "
        f"{allowed}: {money_text(least.remaining_usd)} USD{until}."
    )
    return Refusal(
        code=DeniedCode.BUDGET_EXCEEDED,
        detail=detail,
        remaining_usd=least.remaining_usd,
        resets_at=least.resets_at,
        window=least.window,
        budget_id=least.budget_id,
    )


def refused(code: DeniedCode, detail: str, budget: BudgetConfig | None = None) -> Refusal:
    return Refusal(code=code, detail=detail, budget_id=budget.pk if budget else None)


def dry_run() -> Refusal:
    return refused(DeniedCode.DRY_RUN, "This task is a dry run, and a dry run never spends.")


def _within(refusal: Refusal, limits: Sequence[Limit]) -> Refusal:
    """What a rule would still let pass, as far as the limits do."""
    least = tightest(limits)
    if least is None or least.remaining_usd is None:
        return refusal
    return replace(refusal, remaining_usd=min(refusal.remaining_usd, least.remaining_usd))
