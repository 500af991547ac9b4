"""What a card's money is to each budget that was asked: what is left now, with it, and what there would be without it. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from chimera.flows.show_usage import Bar, Usage, bar_of
from chimera.kernel import clock, prepared
from commerce.actions.foretelling import Fate, Foretold, by_denial, by_finish, by_going_on, by_loss
from commerce.actions.windows import raising
from commerce.limits import ZERO, usage
from commerce.models import BudgetConfig, SpendWindow, Transaction
from commerce.periods import KINDS, Period
from commerce.states import MONEY_OPEN, Scope, WindowKind
from safety.models import CardKind, ReviewCard

_BUDGETS = """
    SELECT <budget>, <window> FROM commerce_budgetconfig b
    LEFT JOIN commerce_spendwindow w ON w.budget_id = b.id AND (w.ends_at IS NULL OR w.ends_at > %(at)s::timestamptz)
    WHERE b.id = ANY(%(asked)s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """A limited window with this money in it: `left_usd` once its card is approved, `without_usd` if it is rejected."""

    bar: Bar
    hold_usd: Decimal
    left_usd: Decimal
    without_usd: Decimal


@dataclass(frozen=True, slots=True)
class Asked(Usage):
    effects: list[Effect]  # of its windows that have a limit


@dataclass(frozen=True, slots=True)
class Becomes:
    """What the decisions make of what the card's task holds: `spends` are all of its transactions."""

    spends: Sequence[Transaction]
    by_approval: Foretold
    by_denial: Foretold

    @classmethod
    def of(cls, card: ReviewCard, spends: Sequence[Transaction], *, stale: bool) -> "Becomes":
        finishes = card.kind in (CardKind.RESULT, CardKind.JUDGE)
        approved = by_loss if stale else by_finish if finishes else by_going_on
        return cls(spends, approved, by_denial(card.pk))

    @property
    def held_usd(self) -> Decimal:
        """Open, before any of them."""
        return sum((row.amount_usd for row in self.spends if row.status in MONEY_OPEN), ZERO)

    @property
    def approved(self) -> Fate:
        return _sum(map(self.by_approval, self.spends))

    @property
    def denied(self) -> Fate:
        """Rejected, or sent back for changes."""
        return _sum(map(self.by_denial, self.spends))

    def within(self, window_id: UUID | None) -> "Becomes":
        return replace(self, spends=[row for row in self.spends if window_id in row.windows])


def _sum(fates: Iterable[Fate]) -> Fate:
    every = list(fates)
    return Fate(sum((one.spent_usd for one in every), ZERO), sum((one.freed_usd for one in every), ZERO))


def show_hold(becomes: Becomes, names: Mapping[UUID, str]) -> list[Asked]:
    """Of every budget that its spends asked, the deciding ones of the newest first. One query, and another where limits are raised.

    `names` are those of what budgets are for, by their ids: campaign, session, agent, tasks.
    """
    asked = list(dict.fromkeys(budget for row in becomes.spends for budget in row.budgets))
    if not asked:
        return []
    budgets, windows = _read(asked)
    at = clock.now()
    raises = raising(budgets.values(), at)
    periods = [Period(kind, None, None, None) for kind in KINDS]
    found = []
    for budget in (budgets[pk] for pk in asked if pk in budgets):
        bars = [bar_of(limit) for limit in usage(budget, windows, periods, raises, at)]
        own = {window.kind: window.pk for window in windows if window.budget_id == budget.pk}
        effects = [_effect(bar, becomes, own.get(bar.window)) for bar in bars if bar.window != WindowKind.TRANSACTION]
        limited = [effect for effect in effects if effect.bar.limit is not None]
        found.append(Asked(budget.pk, _name(budget, names), budget.is_active, bars, limited))
    return found


def _read(asked: Sequence[UUID]) -> tuple[dict[UUID, BudgetConfig], list[SpendWindow]]:
    sql = _BUDGETS.replace("<budget>", prepared.columns(BudgetConfig, "b"))
    sql = sql.replace("<window>", prepared.columns(SpendWindow, "w"))
    width = len(BudgetConfig._meta.concrete_fields)
    budgets, windows = {}, []
    for row in prepared.ask(sql, {"asked": list(asked), "at": clock.now()}):
        budget = prepared.instance(BudgetConfig, row[:width])
        budgets[budget.pk] = budget
        window = prepared.instance(SpendWindow, row[width:])
        if window.pk is not None:
            windows.append(window)
    return budgets, windows


def _effect(bar: Bar, becomes: Becomes, window_id: UUID | None) -> Effect:
    """What a person has not decided yet is counted already. A lowered limit may lie below what is used of it."""
    there, left = becomes.within(window_id), (bar.limit or ZERO) - bar.used
    approved, denied = (max(ZERO, left + fate.freed_usd) for fate in (there.approved, there.denied))
    return Effect(bar, there.held_usd, approved, denied)


def _name(budget: BudgetConfig, names: Mapping[UUID, str]) -> str:
    if budget.scope == Scope.TENANT or budget.scope_id is None:
        return "the whole tenant"
    return f"{budget.scope} {names.get(budget.scope_id) or str(budget.scope_id)[-6:]}"
