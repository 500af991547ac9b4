"""What would become of open holds, were their card decided: as `deny_review`, `capture_all` and `void_all` will settle them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from commerce.limits import ZERO
from commerce.models import Transaction
from commerce.states import MONEY_OPEN, Keeper, MoneyStatus


@dataclass(frozen=True, slots=True)
class Fate:
    """Of one hold: what is spent, and what is free again. The rest is held on."""

    spent_usd: Decimal = ZERO
    freed_usd: Decimal = ZERO


Foretold = Callable[[Transaction], Fate]
HELD_ON = Fate()


def by_going_on(row: Transaction) -> Fate:
    """An approved spend or action: all is held on, for the task's next claim or for the effect that is under way."""
    return HELD_ON


def by_denial(card_id: UUID) -> Foretold:
    """A rejection, and a request for changes: what this card keeps is given back, but for what a meter has counted."""

    def foretold(row: Transaction) -> Fate:
        kept = row.status in MONEY_OPEN and row.keeper == Keeper.CARD and row.review == card_id
        return _given_back(row) if kept else HELD_ON

    return foretold


def by_finish(row: Transaction) -> Fate:
    """An approved result: its task is finished. What is held for an action that was not executed is given back."""
    if row.status not in MONEY_OPEN or row.keeper == Keeper.ACTION:
        return HELD_ON
    given_back = row.status == MoneyStatus.REVIEW or row.metered_usd is not None or row.action is not None
    return _given_back(row) if given_back else Fate(spent_usd=row.amount_usd)


def by_loss(row: Transaction) -> Fate:
    """As `void_all`: what was asked goes by an older goal, and its task goes back."""
    return _given_back(row) if row.status in MONEY_OPEN and row.keeper != Keeper.ACTION else HELD_ON


def _given_back(row: Transaction) -> Fate:
    """All of it, or of a metered one what it has not cost."""
    spent = min(row.metered_usd or ZERO, row.amount_usd)
    return Fate(spent_usd=spent, freed_usd=row.amount_usd - spent)
