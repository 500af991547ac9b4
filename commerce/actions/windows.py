"""Spend windows: the rows that hold the limits. Locked by id, moved by conditional UPDATEs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Q

from chimera.kernel import clock
from commerce.limits import raised, reached
from commerce.models import BudgetConfig, LimitIncrease, SpendWindow
from commerce.periods import KINDS, Period


def lock_open(budgets: Sequence[BudgetConfig], periods: Sequence[Period]) -> list[SpendWindow]:
    """The windows of these budgets in these periods, made where missing, locked in the order of their ids.

    While they are locked their budgets' limits stand still too, because changing a budget locks its windows.
    """
    budget_ids = [budget.pk for budget in budgets]
    if SpendWindow.objects.of(budget_ids, periods).count() < len(budgets) * len(KINDS):
        _make_missing(budget_ids, periods)
    return list(SpendWindow.objects.of(budget_ids, periods).order_by("pk").select_for_update(no_key=True))


def lock_ahead(budgets: Sequence[BudgetConfig], periods: Sequence[Period], also: Iterable[UUID]) -> None:
    """The same for all that one transaction will need, and other windows with them: one after the other it would not be by id."""
    budget_ids = [budget.pk for budget in budgets]
    needed = SpendWindow.objects.of(budget_ids, periods)
    if needed.count() < len(budgets) * len(KINDS):
        _make_missing(budget_ids, periods)
    lock({*needed.values_list("pk", flat=True), *also})


def _make_missing(budget_ids: Sequence[UUID], periods: Sequence[Period]) -> None:
    """With the budgets locked, so that a limit that is being changed right now is not copied in its old form.

    This comes before any window is locked; otherwise two first spenders of a day could wait for one another.
    """
    budgets = list(BudgetConfig.objects.filter(pk__in=budget_ids).order_by("pk").select_for_update(no_key=True))
    at = clock.now()
    raises = raising(budgets, at)
    made = []
    for budget in budgets:
        for period in periods:
            limit, until = raised(budget, period.kind, raises, at)
            made.append(
                SpendWindow(
                    budget=budget,
                    kind=period.kind,
                    starts_on=period.starts_on,
                    starts_at=period.starts_at,
                    ends_at=period.ends_at,
                    limit_usd=limit,
                    limit_until=until,
                )
            )
    SpendWindow.objects.bulk_create(made, ignore_conflicts=True)


def raising(budgets: Iterable[BudgetConfig], at: datetime) -> list[LimitIncrease]:
    """The increases of these budgets that count at `at`; asks nothing where there are none."""
    with_some = [budget.pk for budget in budgets if budget.raised_until and budget.raised_until > at]
    return list(LimitIncrease.objects.acting(at).filter(budget_id__in=with_some)) if with_some else []


def set_limits(locked: Sequence[SpendWindow], at: datetime) -> None:
    """Copy the limits, increases included, as they are at `at`; what is told of a limit is to be told anew of another.

    A budget that somebody is changing is read as it was: he needs these windows, and then copies his own limits.
    """
    budgets = BudgetConfig.objects.in_bulk({window.budget_id for window in locked})
    raises = raising(budgets.values(), at)
    for window in locked:
        limit, until = raised(budgets[window.budget_id], window.kind, raises, at)
        warned = min(window.warned_percent, reached(window.held_usd + window.captured_usd, limit))
        window.limit_usd, window.limit_until, window.warned_percent = limit, until, warned
        SpendWindow.objects.filter(pk=window.pk).update(limit_usd=limit, limit_until=until, warned_percent=warned)


def lock(window_ids: Iterable[UUID]) -> None:
    """Lock windows in the order of their ids."""
    list(
        SpendWindow.objects.filter(pk__in=set(window_ids))
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list("pk")
    )


def hold(windows: Sequence[SpendWindow], amount: Decimal) -> bool:
    """Reserve in every window whose limit permits it; False when one refused, and the caller rolls back the
    others. The windows are locked. An increase that has ended does not count, whether the clock came by or not.
    """
    at = clock.now()
    set_limits([w for w in windows if w.limit_until and w.limit_until <= at], at)
    after = F("held_usd") + F("captured_usd") + amount
    permitting = SpendWindow.objects.filter(
        Q(limit_usd__isnull=True) | Q(limit_usd__gte=after),
        Q(limit_until__isnull=True) | Q(limit_until__gt=at),
        pk__in=[w.pk for w in windows],
    )
    return permitting.update(held_usd=F("held_usd") + amount) == len(windows)


def release(window_ids: Sequence[UUID], amount: Decimal) -> None:
    """A hold ended: give its amount back."""
    _moved(SpendWindow.objects.filter(pk__in=window_ids).update(held_usd=F("held_usd") - amount), window_ids)


def capture(window_ids: Sequence[UUID], *, held: Decimal, captured: Decimal) -> None:
    """A hold was captured: what was not captured of it is free again."""
    rows = SpendWindow.objects.filter(pk__in=window_ids)
    _moved(rows.update(held_usd=F("held_usd") - held, captured_usd=F("captured_usd") + captured), window_ids)


def _moved(changed: int, window_ids: Sequence[UUID]) -> None:
    if changed != len(window_ids):
        raise RuntimeError(f"{len(window_ids)} windows should have moved, {changed} did; nothing was changed")
