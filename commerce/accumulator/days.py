"""Days of tenants, their sums out of the ledger, and the keys that hold these in Redis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max, Min

from chimera.kernel import clock, redis
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

    @property
    def key(self) -> str:
        return redis.spend(self.tenant_id, self.starts_on)


def kept() -> Any:
    """The windows of every day that Redis may still hold: what is settled after midnight moves the day before."""
    return SpendWindow.objects.filter(kind=WindowKind.DAY, ends_at__gt=clock.now() - timedelta(seconds=TTL_SECONDS))


def of(windows: Any) -> list[Day]:
    """One day per tenant and date, though several budgets have a window in it."""
    grouped = windows.order_by().values("tenant_id", "starts_on").annotate(first=Min("starts_at"), last=Max("ends_at"))
    return [Day(row["tenant_id"], row["starts_on"], row["first"], row["last"]) for row in grouped]


def sums(days: Iterable[Day]) -> dict[str, int]:
    """Redis key → micro-dollars held, in review and captured, of what was asked for in that day."""
    return {day.key: sum_of(day) for day in days}


def sum_of(day: Day) -> int:
    spent = Transaction.objects.filter(tenant_id=day.tenant_id).created_between(day.starts_at, day.ends_at).spent()
    return int(spent * MICRO)


def write(found: Mapping[str, int]) -> None:
    """Away while Redis cannot be reached."""
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        for key, micro_usd in found.items():
            pipe.set(key, micro_usd, ex=TTL_SECONDS)
        pipe.execute()
