"""The outside world of money: each tenant's spend of today in Redis, in micro-dollars, for dashboards.

A mirror of absolute values that never decides: each write repeats the whole sum out of the ledger, so
doubled, late and lost events do no harm, and a lost Redis is refilled by `rebuild`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max, Min

from chimera.kernel import clock, redis, tenancy
from chimera.kernel.eventlog import Recorded
from commerce.models import SpendWindow, Transaction
from commerce.states import WindowKind

TTL_SECONDS = 24 * 3600  # after the last write
MICRO = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Day:
    """A tenant's calendar day; the bounds come from the windows that were spent from in it."""

    tenant_id: UUID
    starts_on: date
    starts_at: datetime
    ends_at: datetime


def mirror(events: Sequence[Recorded], pipe: Any) -> None:
    """Reaction to every fact about a transaction: write the day it counts in anew, once per day and batch."""
    touched = {UUID(event.payload["aggregate_id"]) for event in events}
    with tenancy.system():
        windows = {
            w for found in Transaction.objects.filter(pk__in=touched).values_list("windows", flat=True) for w in found
        }
        sums = _sums(_days(SpendWindow.objects.filter(pk__in=windows, kind=WindowKind.DAY)))
    _write(sums, pipe)


def rebuild() -> None:
    """Write every tenant's present day anew: after Redis was lost or set back.

    Raises Away while it cannot be reached.
    """
    with tenancy.system():
        sums = _sums(_days(SpendWindow.objects.days_open(clock.now())))
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        _write(sums, pipe)
        pipe.execute()


def _days(windows: Any) -> list[Day]:
    """One day per tenant and date, though several budgets have a window in it."""
    grouped = windows.order_by().values("tenant_id", "starts_on").annotate(first=Min("starts_at"), last=Max("ends_at"))
    return [Day(row["tenant_id"], row["starts_on"], row["first"], row["last"]) for row in grouped]


def _sums(days: Iterable[Day]) -> dict[str, int]:
    """Redis key → micro-dollars held, in review and captured, of what was asked for in that day."""
    found = {}
    for day in days:
        spent = Transaction.objects.filter(tenant_id=day.tenant_id).created_between(day.starts_at, day.ends_at).spent()
        found[redis.spend(day.tenant_id, day.starts_on)] = int(spent * MICRO)
    return found


def _write(sums: Mapping[str, int], pipe: Any) -> None:
    for key, micro_usd in sums.items():
        pipe.set(key, micro_usd, ex=TTL_SECONDS)
