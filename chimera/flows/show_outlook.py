"""A budget's limits with what raises them and where they are heading. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass

from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel import clock
from commerce.actions.windows import raising
from commerce.forecast import Forecast, forecasts
from commerce.limits import Limit, usage
from commerce.models import BudgetConfig, LimitIncrease, SpendWindow
from commerce.periods import Period, periods_at


@dataclass(frozen=True, slots=True)
class Outlook:
    time_zone: str
    periods: Sequence[Period]
    limits: list[Limit]
    forecasts: list[Forecast]
    increases: list[LimitIncrease]  # those that act now, the first to end first


def show_outlook(budget: BudgetConfig) -> Outlook:
    at, zone = clock.now(), tenant_time_zone()
    periods = periods_at(at, zone)
    raises = sorted(raising([budget], at), key=lambda increase: (increase.expires_at, increase.pk))
    limits = usage(budget, list(SpendWindow.objects.of([budget.pk], periods)), periods, raises, at)
    return Outlook(zone, periods, limits, forecasts(limits, periods, at), raises)
