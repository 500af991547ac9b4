"""Budgets with their names and today's usage, ready to be drawn. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.flows.read_usage import read_usage
from chimera.kernel.console.show import share
from commerce.limits import Limit
from commerce.models import BudgetConfig, Transaction
from commerce.states import Scope
from swarm.models import AgentProfile, Campaign, SwarmSession, Task

_MODELS: dict[str, Any] = {
    Scope.CAMPAIGN: Campaign,
    Scope.SESSION: SwarmSession,
    Scope.AGENT: AgentProfile,
    Scope.TASK: Task,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One window of one budget. Percent are whole, of the limit, and together at most 100."""

    window: str
    limit: Decimal | None
    held: Decimal
    captured: Decimal
    remaining: Decimal | None
    captured_percent: int
    held_percent: int

    @property
    def used(self) -> Decimal:
        return self.held + self.captured

    @property
    def words(self) -> str:
        return {"transaction": "each purchase", "day": "today", "month": "this month", "total": "in total"}[self.window]


@dataclass(frozen=True, slots=True)
class Usage:
    budget_id: UUID
    name: str
    is_active: bool
    bars: list[Bar]

    @property
    def limited(self) -> list[Bar]:
        return [bar for bar in self.bars if bar.limit is not None]


def show_usage(budgets: Sequence[BudgetConfig]) -> list[Usage]:
    """In the order given; at most seven queries for any number of budgets."""
    if not budgets:
        return []
    limits, names = read_usage(budgets), budget_names(budgets)
    return [Usage(b.pk, names[b.pk], b.is_active, [bar_of(limit) for limit in limits[b.pk]]) for b in budgets]


def budget_names(budgets: Sequence[BudgetConfig]) -> dict[UUID, str]:
    """What each is for: "the whole tenant", "session launch". One query for each kind of scope that occurs."""
    found: dict[UUID, str] = {}
    for scope, model in _MODELS.items():
        wanted = [b.scope_id for b in budgets if b.scope == scope]
        found |= {row.pk: str(row) for row in model.objects.filter(pk__in=wanted)} if wanted else {}
    return {
        b.pk: f"{b.scope} {found.get(b.scope_id, 'that is gone')}" if b.scope_id else "the whole tenant"
        for b in budgets
    }


def bar_of(limit: Limit) -> Bar:
    captured = share(limit.captured_usd, limit.limit_usd)
    held = min(share(limit.held_usd, limit.limit_usd), 100 - captured)
    return Bar(
        window=str(limit.window),
        limit=limit.limit_usd,
        held=limit.held_usd,
        captured=limit.captured_usd,
        remaining=limit.remaining_usd,
        captured_percent=captured,
        held_percent=held,
    )


def usage_of(spends: Sequence[Transaction]) -> list[Usage]:
    """Of the budgets that these spends asked; the deciding ones of the newest first."""
    asked = list(dict.fromkeys(budget for row in spends for budget in row.budgets))
    found = {row.pk: row for row in BudgetConfig.objects.filter(pk__in=asked)}
    return show_usage([found[pk] for pk in asked if pk in found])
