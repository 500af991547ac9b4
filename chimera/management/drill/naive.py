"""The control: limits as many keep them, read first and added to afterwards. With this the drill must see an overshoot."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from django.db.models import F

from commerce.actions import windows as guard
from commerce.models import BudgetConfig, SpendWindow
from commerce.periods import KINDS, Period

_guarded = guard.lock_open


def check_then_add() -> None:
    """From now on this process checks without a lock, and adds without a condition."""
    guard.lock_ahead = _lock_nothing
    guard.lock_open = _read_open
    guard.hold = _hold


def _lock_nothing(budgets: Sequence[BudgetConfig], periods: Sequence[Period], also: Iterable[UUID]) -> None:
    pass


def _read_open(budgets: Sequence[BudgetConfig], periods: Sequence[Period]) -> list[SpendWindow]:
    found = list(SpendWindow.objects.of([budget.pk for budget in budgets], periods).order_by("pk"))
    return found if len(found) == len(budgets) * len(KINDS) else _guarded(budgets, periods)


def _hold(windows: Sequence[SpendWindow], amount: Decimal) -> bool:
    if any(w.limit_usd is not None and w.held_usd + w.captured_usd + amount > w.limit_usd for w in windows):
        return False
    SpendWindow.objects.filter(pk__in=[w.pk for w in windows]).update(held_usd=F("held_usd") + amount)
    return True
