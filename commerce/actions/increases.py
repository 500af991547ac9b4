"""Temporary increases of a limit: granted, revoked, expired. They act at once, by the rows of their budget's windows.

Each locks the budget, then all its open windows by id (docs/locking.md), so that a spend has passed before or meets what is
new: the limit of one purchase has no window of its own, and is read under the locks of the others.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Max

from chimera.kernel import clock
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import conflict, invalid, not_found
from chimera.kernel.eventlog import tell
from commerce.actions import windows
from commerce.events import LimitRaised, LimitRaiseEnded
from commerce.limits import PLACES, limit_of, raised
from commerce.models import BudgetConfig, LimitIncrease, SpendWindow
from commerce.states import INCREASE, IncreaseStatus, WindowKind

LASTS_MAX = timedelta(days=31)  # whoever needs more for longer changes the limit
ACTIVE_MAX = 20  # of one budget at once: each is read by every decision meanwhile


def grant(
    *, budget_id: UUID, window: WindowKind, amount_usd: Decimal, expires_at: datetime, reason: str, by: Actor
) -> LimitIncrease:
    """More of one limit from now until `expires_at`, on top of what was granted before.

    Makes no work stale. Refuses: 422 where there is no limit, for an amount, a time or a reason that is none; 409 above
    ACTIVE_MAX.
    """
    at = clock.now()
    _check(amount_usd, expires_at, reason, at)
    budget = _lock(budget_id)
    if limit_of(budget, window) is None:
        raise invalid(
            f"This budget has no {window} limit, so there is nothing to raise.", field_name="window", code="no_limit"
        )
    if LimitIncrease.objects.acting(at).filter(budget=budget).count() >= ACTIVE_MAX:
        raise conflict(
            f"This budget has {ACTIVE_MAX} increases already; change the limit instead.", code="too_many_increases"
        )
    increase: LimitIncrease = LimitIncrease.objects.create(
        budget=budget,
        kind=window,
        amount_usd=amount_usd,
        reason=reason.strip(),
        granted_by=str(by),
        created_at=at,
        expires_at=expires_at,
    )
    limit = _apply(budget, increase, at)
    tell(LimitRaised.about(budget, increase=increase, limit_usd=limit), by=by)
    return increase


def revoke(*, increase_id: UUID, by: Actor) -> LimitIncrease:
    """End it before its time. What it let pass stays held; 409 when it has ended."""
    increase = _locked(increase_id)
    at = clock.now()
    if increase.status == IncreaseStatus.ACTIVE and increase.expires_at <= at:
        return _end(increase, IncreaseStatus.EXPIRED, at, SYSTEM)
    return _end(increase, IncreaseStatus.REVOKED, at, by)


def expire(*, increase_id: UUID) -> None:
    """Its time has come; nothing when somebody ended it first."""
    increase, at = _locked(increase_id), clock.now()
    if increase.status == IncreaseStatus.ACTIVE and increase.expires_at <= at:
        _end(increase, IncreaseStatus.EXPIRED, at, SYSTEM)


def _end(increase: LimitIncrease, to: IncreaseStatus, at: datetime, by: Actor) -> LimitIncrease:
    INCREASE.advance(increase, to=to, ended_at=at, ended_by=str(by))
    limit = _apply(increase.budget, increase, at)
    tell(LimitRaiseEnded.about(increase.budget, increase=increase, limit_usd=limit, because=str(to)), by=by)
    return increase


def _apply(budget: BudgetConfig, increase: LimitIncrease, at: datetime) -> Decimal | None:
    """The budget's next version, and its open windows' limits as they are now; answers the limit."""
    last = LimitIncrease.objects.acting(at).filter(budget=budget).aggregate(last=Max("expires_at"))["last"]
    BudgetConfig.objects.filter(pk=budget.pk).update(version=F("version") + 1, updated_at=at, raised_until=last)
    budget.refresh_from_db()
    open_windows = SpendWindow.objects.filter(budget=budget).not_over(at)
    windows.lock(open_windows.values_list("pk", flat=True))
    windows.set_limits(list(open_windows.filter(kind=increase.kind)), at)
    return raised(budget, increase.kind, windows.raising([budget], at), at)[0]


def _lock(budget_id: UUID) -> BudgetConfig:
    found: BudgetConfig | None = BudgetConfig.objects.filter(pk=budget_id).select_for_update(no_key=True).first()
    if found is None:
        raise not_found("budget")
    return found


def _locked(increase_id: UUID) -> LimitIncrease:
    """With its budget, under whose lock it changes."""
    seen: Any = LimitIncrease.objects.filter(pk=increase_id).first()
    if seen is None:
        raise not_found("increase")
    budget = _lock(seen.budget_id)
    increase: LimitIncrease = LimitIncrease.objects.get(pk=increase_id)
    increase.budget = budget
    return increase


def _check(amount_usd: Decimal, expires_at: datetime, reason: str, at: datetime) -> None:
    if (
        not amount_usd.is_finite()
        or not 0 < amount_usd <= settings.AMOUNT_USD_MAX
        or amount_usd != amount_usd.quantize(PLACES)
    ):
        raise invalid(
            f"`amount_usd` must be more than zero and at most {settings.AMOUNT_USD_MAX}, with at most six decimals.",
            field_name="amount_usd",
            code="invalid_money",
        )
    if not at < expires_at <= at + LASTS_MAX:
        raise invalid(
            f"`expires_at` must lie ahead, within {LASTS_MAX.days} days.",
            field_name="expires_at",
            code="invalid_expiry",
        )
    if not reason.strip():
        raise invalid("Say why.", field_name="reason", code="reason_missing")
