"""Velocity: what a budget counted within the last hour, asked of the ledger under the locks of the budget's windows.

Counted is what is held, in review or captured now: what was denied or given back is free again. Each of the two figures is
one range of an index: of the tenant's counted rows, or of the agent's, the session's or the task's own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, QuerySet, Sum, Window

from chimera.kernel import ids
from chimera.kernel.http.parsing import money_text
from commerce.actions.purchase import Refusal
from commerce.limits import ZERO
from commerce.models import BudgetConfig, BudgetRules, Transaction
from commerce.queries import CLOCK_SLACK, COUNTED_USD
from commerce.rules import Velocity
from commerce.states import DeniedCode

HOUR = timedelta(hours=1)


def exceeded(
    budgets: Sequence[BudgetConfig], acting: dict[Any, BudgetRules], amount: Decimal, at: datetime
) -> Refusal | None:
    """The first budget whose velocity this amount would exceed."""
    for budget in budgets:
        rules = acting.get(budget.pk)
        velocity = rules.parsed.velocity if rules else Velocity()
        if rules is not None and velocity != Velocity():
            refusal = _exceeded(budget, rules.version, velocity, amount, at)
            if refusal is not None:
                return refusal
    return None


def of_last_hour(budget: BudgetConfig, at: datetime) -> QuerySet[Transaction]:
    """What the budget counts of the hour before `at`."""
    hour: QuerySet[Transaction] = Transaction.objects.counted().asked_of(budget)
    return hour.filter(pk__gte=ids.first_of(at - HOUR), pk__lt=ids.first_of(at + CLOCK_SLACK))


def _exceeded(budget: BudgetConfig, version: int, velocity: Velocity, amount: Decimal, at: datetime) -> Refusal | None:
    rows = of_last_hour(budget, at)
    found = rows.aggregate(number=Count("pk"), used=Sum(COUNTED_USD, default=ZERO))
    number, used = int(found["number"]), Decimal(found["used"])
    subject = f"the {budget.scope} budget {budget.pk} (its rules, version {version})"
    frees: datetime | None
    if velocity.count_per_hour is not None and number >= velocity.count_per_hour:
        frees = rows.order_by("-pk").values_list("created_at", flat=True)[velocity.count_per_hour - 1]
        return _refusal(
            budget,
            version,
            "velocity.count_per_hour",
            f"{number} spends within an hour are counted, and {subject} allows {velocity.count_per_hour}",
            frees,
        )
    most = velocity.amount_usd_per_hour
    if most is not None and used + amount > most:
        said = f"{money_text(used)} USD within an hour are counted, and {subject} allows {money_text(most)}"
        frees = _until_there_is(most - amount, rows) if amount <= most else None
        return _refusal(budget, version, "velocity.amount_usd_per_hour", said, frees, max(ZERO, most - used))
    return None


def _until_there_is(room: Decimal, rows: QuerySet[Transaction]) -> datetime | None:
    """When the row was made that must leave the hour, so that no more than `room` stays in it: counted from the newest."""
    together = Window(Sum(COUNTED_USD), order_by=F("pk").desc())
    newest = rows.annotate(together=together).filter(together__gt=room).order_by("-pk")
    return newest.values_list("created_at", flat=True).first()


def _refusal(
    budget: BudgetConfig,
    version: int,
    rule: str,
    said: str,
    frees: datetime | None,
    remaining: Decimal = ZERO,
) -> Refusal:
    resets = frees + HOUR if frees else None
    until = f" Try again at {resets.isoformat(timespec='seconds')}." if resets else " It never fits."
    return Refusal(
        code=DeniedCode.VELOCITY_EXCEEDED,
        detail=f"Too fast: {said}.{until}",
        remaining_usd=remaining,
        resets_at=resets,
        budget_id=budget.pk,
        rule=rule,
        rules_version=version,
    )
