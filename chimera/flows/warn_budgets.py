"""Warn of budgets that are used to half, four fifths or the whole: the clock's step, one transaction per window.

Locks: the budget, then the window. Dies anywhere: whoever runs the clock next looks at every open window first.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, F, PositiveSmallIntegerField, Q, When

from chimera.kernel import clock, eventlog, tenancy
from chimera.kernel.eventlog import Event, Position
from chimera.kernel.sweep import one_by_one
from commerce import events
from commerce.actions import warnings
from commerce.limits import WARNED_PERCENT
from commerce.models import SpendWindow, Transaction

MOVES_MAX = 5_000  # facts of one look; whoever is further behind looks at every open window instead
LATE = timedelta(hours=1)  # a window that was used to its end is told of though its day is over
USING = tuple(fact.full_type() for fact in (events.HoldPlaced, events.SpendReviewRequested))
LIMITING = tuple(fact.full_type() for fact in (events.BudgetChanged, events.LimitRaised, events.LimitRaiseEnded))


class Watch:
    """Follows the log from where this process last looked. The windows' rows say what was told, so it does no harm to look
    twice; and one that just began looks at them all, so nothing is lost with a process.
    """

    def __init__(self) -> None:
        self._read: Position | None = None

    def look(self) -> int:
        """Answers for how many windows."""
        with tenancy.system():
            upto = eventlog.last_settled()
            found = list(_unwarned(_moved(self._read, upto)).order_by("pk").values_list("tenant_id", "pk"))
        done = one_by_one(found, _warn)
        if done == len(found):  # else the same once more, a second later
            self._read = upto
        return done


def _warn(window_id: UUID) -> None:
    warnings.tell_reached(window_id=window_id)


def _moved(after: Position | None, upto: Position) -> Any:
    """The windows of which more is used, or whose limit changed, between the two."""
    still = SpendWindow.objects.not_over(clock.now() - LATE)
    if after is None:
        return still
    told = Event.objects.filter(xid__gte=after.xid, xid__lte=upto.xid, type__in=[*USING, *LIMITING])
    rows = list(told.values_list("xid", "seq", "type", "aggregate_id")[: MOVES_MAX + 1])
    if len(rows) > MOVES_MAX:
        return still
    fresh = [(kind, about) for xid, seq, kind, about in rows if after < Position(xid, seq) <= upto]
    spends = {about for kind, about in fresh if kind in USING}
    budgets = {about for kind, about in fresh if kind in LIMITING}
    touched = {w for ws in Transaction.objects.filter(pk__in=spends).values_list("windows", flat=True) for w in ws}
    return still.filter(Q(pk__in=touched) | Q(budget_id__in=budgets)) if fresh else still.none()


def _unwarned(windows: Any) -> Any:
    """Those that have reached the threshold after the last that was told."""
    steps = zip((0, *WARNED_PERCENT), WARNED_PERCENT, strict=False)
    coming = Case(
        *(When(warned_percent=told, then=after) for told, after in steps), output_field=PositiveSmallIntegerField()
    )
    limited = windows.filter(limit_usd__gt=0, warned_percent__lt=WARNED_PERCENT[-1])
    used = (F("held_usd") + F("captured_usd")) * 100
    return limited.annotate(coming=coming).alias(used=used).filter(used__gte=F("limit_usd") * F("coming"))
