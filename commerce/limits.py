"""The comparison of amounts with limits: pure, exact, and the same for every kind of window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from commerce.periods import Period
from commerce.states import WindowKind

ZERO = Decimal(0)
PLACES = Decimal("0.000001")
WARNED_PERCENT = (50, 80, 100)  # of a limit, when it is told
_NEVER = datetime.max.replace(tzinfo=UTC)


class HasLimits(Protocol):
    """A budget, as far as its limits go."""

    pk: UUID
    per_transaction_usd: Decimal | None
    day_usd: Decimal | None
    month_usd: Decimal | None
    total_usd: Decimal | None


class Counts(Protocol):
    """A window, as far as its figures go."""

    budget_id: UUID
    kind: str
    limit_usd: Decimal | None
    limit_until: datetime | None
    held_usd: Decimal
    captured_usd: Decimal
    ends_at: datetime | None


class Raises(Protocol):
    """An increase, as far as limits go."""

    budget_id: UUID
    kind: str
    amount_usd: Decimal
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """What one budget allows over one window, and what of it is used.

    A limit of None lets everything pass.
    """

    budget_id: UUID
    window: WindowKind
    limit_usd: Decimal | None
    held_usd: Decimal = ZERO
    captured_usd: Decimal = ZERO
    resets_at: datetime | None = None

    @property
    def remaining_usd(self) -> Decimal | None:
        """None without a limit; never below zero, though a lowered limit may lie below what was spent."""
        return None if self.limit_usd is None else max(ZERO, self.limit_usd - self.held_usd - self.captured_usd)

    def permits(self, amount: Decimal) -> bool:
        return self.remaining_usd is None or amount <= self.remaining_usd


def limit_of(budget: HasLimits, kind: WindowKind) -> Decimal | None:
    match kind:
        case WindowKind.TRANSACTION:
            return budget.per_transaction_usd
        case WindowKind.DAY:
            return budget.day_usd
        case WindowKind.MONTH:
            return budget.month_usd
        case WindowKind.TOTAL:
            return budget.total_usd


def raised(
    budget: HasLimits, kind: str, raises: Iterable[Raises], at: datetime
) -> tuple[Decimal | None, datetime | None]:
    """The limit with what raises it at `at`, and until when that stands (None: until somebody changes something)."""
    acting = [r for r in raises if r.budget_id == budget.pk and r.kind == kind and r.expires_at > at]
    own = limit_of(budget, WindowKind(kind))
    if own is None or not acting:
        return own, None
    return own + sum((r.amount_usd for r in acting), ZERO), min(r.expires_at for r in acting)


def reached(used: Decimal, limit: Decimal | None) -> int:
    """The highest of WARNED_PERCENT that is used of a limit; 0 below them all, and where nothing may be spent at all."""
    if not limit:
        return 0
    return max((percent for percent in WARNED_PERCENT if used * 100 >= limit * percent), default=0)


def usage(
    budget: HasLimits, windows: Iterable[Counts], periods: Sequence[Period], raises: Sequence[Raises], at: datetime
) -> list[Limit]:
    """A budget's four limits at `at`; a window without a row has not been spent from.

    The limit per transaction is the same thing without a row: each purchase is a window of its own, empty
    before it.
    """
    rows = {row.kind: row for row in windows if row.budget_id == budget.pk}
    found = [Limit(budget.pk, WindowKind.TRANSACTION, raised(budget, WindowKind.TRANSACTION, raises, at)[0])]
    for period in periods:
        row = rows.get(period.kind)
        stands = row is not None and (row.limit_until is None or row.limit_until > at)
        limit = row.limit_usd if row and stands else raised(budget, period.kind, raises, at)[0]
        if row is None:
            found.append(Limit(budget.pk, period.kind, limit, resets_at=period.ends_at))
        else:
            found.append(Limit(budget.pk, period.kind, limit, row.held_usd, row.captured_usd, row.ends_at))
    return found


def tightest(limits: Iterable[Limit]) -> Limit | None:
    """The one that leaves least, and of equals the one that resets last; None where nothing is limited."""
    binding = [(limit.remaining_usd, limit) for limit in limits if limit.remaining_usd is not None]
    if not binding:
        return None
    return min(binding, key=lambda pair: (pair[0], _NEVER - (pair[1].resets_at or _NEVER)))[1]
