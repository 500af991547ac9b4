"""What a lease has cost, as its handler says it, and how much of that Chimera has counted."""

import asyncio
import threading
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from chimera_sdk.encoding import amount_text
from chimera_sdk.errors import Json, ProblemError

MILLIONTH = Decimal("0.000001")  # as finely as Chimera counts
COST_USD_MAX = Decimal(1_000_000_000)  # as the API has it


def amount_of(amount_usd: str | Decimal | int) -> Decimal:
    """Raises TypeError for a float, ValueError for what is no amount, or more than any budget."""
    try:
        amount = Decimal(amount_text(amount_usd))
    except InvalidOperation:
        raise ValueError(f"{amount_usd!r} is no amount in US dollars.") from None
    if not (amount.is_finite() and 0 <= amount <= COST_USD_MAX):
        raise ValueError(f"A cost is from zero to {COST_USD_MAX} US dollars in all, not {amount_usd!r}.")
    return amount


class Meter:
    """`add` and `total` are for any thread, the rest for the event loop.

    What is told is the whole sum, so that telling it again counts nothing twice. Chimera keeps as much ahead as the last report
    added: a cost within that has time until the next beat, more than that `presses`.
    """

    def __init__(self) -> None:
        self.counted = Decimal(0)  # by Chimera
        self.wish: Decimal | None = None  # what is to be held before anything is spent
        self.first: Decimal | None = None  # what was added first
        self.answered = asyncio.Event()
        self.asked = False  # a report is on its way
        self.last: Decimal | None = None  # the sum that goes with the result
        self.refusal: ProblemError | None = None  # its costs cannot be counted at all
        self.pressing = asyncio.Event()
        self._ahead = Decimal(0)
        self._total = Decimal(0)
        self._guard = threading.Lock()

    def add(self, amount_usd: str | Decimal | int) -> None:
        """Raises TypeError for a float, ValueError for what is no amount, or more than any budget."""
        amount = amount_of(amount_usd)
        with self._guard:
            if self._total + amount > COST_USD_MAX:
                raise ValueError(f"A cost is from zero to {COST_USD_MAX} US dollars in all, not {amount_usd!r}.")
            self._total += amount
            self.first = self.first or amount or None

    @property
    def total(self) -> Decimal:
        """Rounded up to a millionth."""
        with self._guard:
            return self._total.quantize(MILLIONTH, ROUND_CEILING)

    @property
    def uncounted(self) -> Decimal:
        return self.total - self.counted

    @property
    def waits(self) -> bool:
        """There is something to tell."""
        return self.refusal is None and (self.uncounted > 0 or self.wish is not None)

    @property
    def presses(self) -> bool:
        """It cannot wait for the next beat."""
        return self.waits and (self.uncounted > self._ahead or self.wish is not None)

    def press(self) -> bool:
        """Whether it is to be told now: it presses, and nothing is on its way."""
        if self.presses:
            self.pressing.set()
        return self.presses and not self.asked

    def tell(self) -> Decimal | None:
        """The sum, to be sent now; None when all of it is counted, or goes with the result."""
        self.pressing.clear()
        self.asked = self.waits and self.last is None
        return self.total if self.asked else None

    def fields(self, cost: Decimal) -> Json:
        """Of a heartbeat that tells `cost`."""
        said = {"cost_usd": f"{cost:f}"}
        return said if self.wish is None else said | {"ahead_usd": f"{self.wish:f}"}

    def answer(self, cost: Decimal | None) -> None:
        """Of a report of `cost`; None: it was not counted, and is told again."""
        self.asked = False
        if cost is not None:
            self._ahead = max(self.wish or Decimal(0), cost - self.counted if cost > self.counted else self._ahead)
            self.counted, self.wish = max(self.counted, cost), None
        self.answered.set()

    def close(self) -> Decimal | None:
        """The sum that goes with the result; None when all of it is counted, or cannot be."""
        self.last = self.total if self.refusal is None and self.uncounted > 0 else None
        return self.last

    def refuse(self, refusal: ProblemError) -> None:
        self.refusal = refusal
        self.answer(None)


class Reserves:
    """What is to be held before a work of a type begins: as it was told, or as much as the one before it said first."""

    def __init__(self, told: Mapping[str, Decimal]) -> None:
        self._told, self._learnt = told, dict[str, Decimal]()

    def ask(self, type: str, meter: Meter) -> bool:
        """Whether there is something to ask for; the meter then has it to tell."""
        meter.wish = self._told.get(type, self._learnt.get(type))
        return meter.wish is not None

    def learn(self, type: str, meter: Meter) -> None:
        if meter.first is not None:
            self._learnt[type] = meter.first.quantize(MILLIONTH, ROUND_CEILING)
