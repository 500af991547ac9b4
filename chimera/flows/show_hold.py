"""What a card's money is to each budget that was asked: what is left now, with it, and what there would be without it. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from chimera.flows.show_usage import Bar, Usage, bar_of
from chimera.kernel import clock, prepared
from commerce.actions.windows import raising
from commerce.limits import ZERO, usage
from commerce.models import BudgetConfig, SpendWindow, Transaction
from commerce.periods import KINDS, Period
from commerce.states import MONEY_OPEN, Scope, WindowKind

_BUDGETS = """
    SELECT <budget>, <window> FROM commerce_budgetconfig b
    LEFT JOIN commerce_spendwindow w ON w.budget_id = b.id AND (w.ends_at IS NULL OR w.ends_at > %(at)s::timestamptz)
    WHERE b.id = ANY(%(asked)s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """A limited window with this money in it: `left_usd` once it is approved, `without_usd` if it is not."""

    bar: Bar
    hold_usd: Decimal
    left_usd: Decimal
    without_usd: Decimal


@dataclass(frozen=True, slots=True)
class Asked(Usage):
    effects: list[Effect]  # of its windows that have a limit


def show_hold(spends: Sequence[Transaction], names: Mapping[UUID, str]) -> list[Asked]:
    """Of every budget that these spends asked, the deciding ones of the newest first. One query, and another where limits are raised.

    `names` are those of what budgets are for, by their ids: campaign, session, agent, tasks.
    """
    asked = list(dict.fromkeys(budget for row in spends for budget in row.budgets))
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
        effects = [_effect(bar, spends, own.get(bar.window)) for bar in bars if bar.window != WindowKind.TRANSACTION]
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


def _effect(bar: Bar, spends: Sequence[Transaction], window_id: UUID | None) -> Effect:
    """What a person has not decided yet is counted already, so approving it leaves what is left now."""
    hold = sum((s.amount_usd for s in spends if s.status in MONEY_OPEN and window_id in s.windows), ZERO)
    left = bar.remaining or ZERO
    return Effect(bar, hold, left, left + hold)


def _name(budget: BudgetConfig, names: Mapping[UUID, str]) -> str:
    if budget.scope == Scope.TENANT or budget.scope_id is None:
        return "the whole tenant"
    return f"{budget.scope} {names.get(budget.scope_id) or str(budget.scope_id)[-6:]}"
