"""The model's money: a hold ends with its lease, unless a card keeps it, or an approval until the next claim."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from commerce.states import MONEY_OPEN, MoneyStatus

TOTAL_USD = Decimal("0.25")  # of the one budget: a few spends use it up
THRESHOLD_USD = Decimal("0.10")
SMALL_USD, LARGE_USD = Decimal("0.04"), Decimal("0.20")
RESUME_WAITS = timedelta(hours=24)


@dataclass(eq=False)
class Hold:
    id: str
    amount_usd: Decimal
    status: MoneyStatus
    approved: bool = False
    until: datetime | None = None  # while it waits for the next claim

    @property
    def is_open(self) -> bool:
        return self.status in MONEY_OPEN

    @property
    def counts(self) -> Decimal:
        """What it takes from the budget."""
        return self.amount_usd if self.is_open or self.status == MoneyStatus.CAPTURED else Decimal()

    def ends(self, status: MoneyStatus) -> None:
        self.status, self.until = status, None


def void(holds: Iterable[Hold]) -> None:
    """The attempt was for nothing, or the task is lost; nobody asks any more for what is in review."""
    for hold in _open(holds):
        hold.ends(MoneyStatus.DENIED if hold.status == MoneyStatus.REVIEW else MoneyStatus.VOIDED)


def capture(holds: Iterable[Hold]) -> None:
    for hold in _open(holds):
        hold.ends(MoneyStatus.CAPTURED)


def release(holds: Iterable[Hold], at: datetime) -> None:
    """A person let the task go on: all of it is held for its next claim."""
    for hold in _open(holds):
        hold.status, hold.approved, hold.until = MoneyStatus.HELD, True, at + RESUME_WAITS


def rebind(holds: Iterable[Hold], at: datetime) -> None:
    """The next claim has it, unless it waited too long."""
    expire(holds, at)
    for hold in _open(holds):
        hold.until = None


def expire(holds: Iterable[Hold], at: datetime) -> bool:
    """Whether any did."""
    over = [hold for hold in holds if hold.until and hold.until <= at]
    for hold in over:
        hold.ends(MoneyStatus.EXPIRED)
    return bool(over)


def _open(holds: Iterable[Hold]) -> list[Hold]:
    return [hold for hold in holds if hold.is_open]
