"""What a budget's page draws: how a day and a month were used up, hour by hour and day by day. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from chimera.flows.show_outlook import Outlook, show_outlook
from chimera.kernel import clock, ids
from chimera.kernel.eventlog import Event
from commerce.events import BudgetWarned
from commerce.forecast import Forecast
from commerce.limits import ZERO, Limit
from commerce.models import BudgetConfig, LimitIncrease, SpendWindow, Transaction
from commerce.periods import Period
from commerce.states import MoneyStatus, WindowKind

SHOWN_MAX = 20  # warnings, increases
REFUSALS_SHOWN_MAX = 10
REFUSALS_WITHIN = timedelta(days=7)  # older ones are on the page of transactions
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What was used when it ended, or will be (`projected_usd`, of times to come)."""

    label: str
    captured_usd: Decimal = ZERO
    held_usd: Decimal = ZERO
    projected_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """How one window was used up, with the limit that it has now."""

    limit: Limit
    steps: list[Step]
    forecast: Forecast | None


@dataclass(frozen=True, slots=True)
class Page:
    day: Course
    month: Course
    outlook: Outlook
    warnings: list[Event]
    increases: list[LimitIncrease]
    refusals: list[Transaction]


def show_budget(budget: BudgetConfig) -> Page:
    outlook = show_outlook(budget)
    by_kind = {limit.window: limit for limit in outlook.limits}
    foretold = {forecast.window: forecast for forecast in outlook.forecasts}
    day, month, _ = outlook.periods
    return Page(
        day=Course(
            by_kind[WindowKind.DAY],
            _cumulated(_hours(budget, day, outlook.time_zone), foretold.get(WindowKind.DAY)),
            foretold.get(WindowKind.DAY),
        ),
        month=Course(
            by_kind[WindowKind.MONTH],
            _cumulated(_days(budget, month, outlook.time_zone), foretold.get(WindowKind.MONTH)),
            foretold.get(WindowKind.MONTH),
        ),
        outlook=outlook,
        warnings=_warnings(budget),
        increases=list(budget.increases.order_by("-pk")[:SHOWN_MAX]),
        refusals=_refusals(budget),
    )


Slot = tuple[str, datetime, Decimal, Decimal]  # label, its end, captured and held in it


def _hours(budget: BudgetConfig, day: Period, zone: str) -> list[Slot]:
    """23 to 25 of them."""
    assert day.starts_at
    assert day.ends_at
    window = SpendWindow.objects.of([budget.pk], [day]).first()
    spent = Transaction.objects.created_between(day.starts_at, day.ends_at)
    by_hour = spent.in_window(window.pk).by_hour(day.starts_at) if window else {}
    slots = []
    for number in range(int((day.ends_at - day.starts_at) / HOUR)):
        start = day.starts_at + HOUR * number
        captured, held = by_hour.get(number, (ZERO, ZERO))
        slots.append((f"{start.astimezone(ZoneInfo(zone)):%H}", start + HOUR, captured, held))
    return slots


def _days(budget: BudgetConfig, month: Period, zone: str) -> list[Slot]:
    """By the windows of its days."""
    assert month.starts_on
    assert month.ends_at
    days = SpendWindow.objects.filter(budget=budget, kind=WindowKind.DAY, starts_on__gte=month.starts_on)
    used = {window.starts_on: (window.captured_usd, window.held_usd) for window in days}
    slots, day = [], month.starts_on
    while (bounds := clock.day_bounds(zone, day))[0] < month.ends_at:
        slots.append((str(day.day), bounds[1], *used.get(day, (ZERO, ZERO))))
        day += timedelta(days=1)
    return slots


def _cumulated(slots: Sequence[Slot], forecast: Forecast | None) -> list[Step]:
    at = clock.now()
    captured, held = ZERO, ZERO
    steps: list[Step] = []
    for label, end, more_captured, more_held in slots:
        captured, held = captured + more_captured, held + more_held
        begun = not steps or slots[len(steps) - 1][1] <= at
        if begun:
            steps.append(Step(label, captured, held))
        else:
            steps.append(Step(label, projected_usd=forecast.used_at(end) if forecast else None))
    return steps


def _warnings(budget: BudgetConfig) -> list[Event]:
    told = Event.objects.filter(aggregate_id=budget.pk, type=BudgetWarned.full_type())
    return list(told.order_by("-xid", "-seq")[:SHOWN_MAX])


def _refusals(budget: BudgetConfig) -> list[Transaction]:
    """Spends that it was asked for, and that were denied; by itself or another."""
    recent = Transaction.objects.filter(status=MoneyStatus.DENIED, pk__gte=ids.first_of(clock.now() - REFUSALS_WITHIN))
    return list(recent.filter(budgets__contains=[budget.pk]).order_by("-pk")[:REFUSALS_SHOWN_MAX])
