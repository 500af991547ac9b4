"""Money for a task: held, then captured or voided. Amounts are decimal strings or Decimal, never floats.

It goes over HTTP with an Idempotency-Key: a repeat after a lost answer gets the first answer and holds nothing twice.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from decimal import Decimal
from types import TracebackType
from typing import Any

from chimera_sdk.client import AsyncClient
from chimera_sdk.encoding import amount_text
from chimera_sdk.errors import ChimeraError, Json, UnderReview
from chimera_sdk.work import Work

log = logging.getLogger("chimera_sdk")


class Hold:
    """Money that is held for us until we capture or void it, or our lease ends. A finished task captures what is open."""

    def __init__(self, api: AsyncClient, work: Work, transaction: Json) -> None:
        self._api, self._work, self.transaction = api, work, transaction

    @property
    def id(self) -> str:
        return str(self.transaction["id"])

    @property
    def status(self) -> str:
        """held, captured or voided, as far as we know."""
        return str(self.transaction["status"])

    @property
    def amount_usd(self) -> Decimal:
        return Decimal(self.transaction["amount_usd"])

    def __repr__(self) -> str:
        return f"<Hold {self.id} {self.status} {self.transaction['amount_usd']}>"

    async def capture(self, amount_usd: str | Decimal | int | None = None) -> None:
        """Pay `amount_usd`, at most what is held, and give back the rest; None: all of it."""
        more = {} if amount_usd is None else {"amount_usd": amount_text(amount_usd)}
        await self._settle("capture", more)

    async def void(self, reason: str = "") -> None:
        """Give all of it back."""
        await self._settle("void", {"reason": reason[:500]})

    async def _settle(self, verb: str, more: Json) -> None:
        self.transaction = await self._api.post(
            f"transactions/{self.id}/{verb}", {"lease_token": self._work.token} | more
        )


class Spend:
    """`async with ctx.spend(…) as hold` captures at its end and voids on an exception; `hold = await ctx.spend(…)` does neither.

    Both raise BudgetExceeded, StaleLease or UnderReview.
    """

    def __init__(
        self, api: AsyncClient, work: Work, body: Json, *, told: Callable[[Work], Awaitable[None]], once: str
    ) -> None:
        """`told` waits until what the work has cost is counted: this spend may end its lease."""
        self._api, self._work, self._body, self._told, self._once = api, work, body, told, once
        self._hold: Hold | None = None

    def __await__(self) -> Generator[Any, None, Hold]:
        return self._authorise().__await__()

    async def __aenter__(self) -> Hold:
        self._hold = await self._authorise()
        return self._hold

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        hold = self._hold
        assert hold is not None
        if hold.status != "held":
            return
        if exc is None:
            await hold.capture()
        elif self._work.held:  # else it ended with the lease, or the card that a person decides keeps it
            await _void(hold, exc)

    async def _authorise(self) -> Hold:
        await self._told(self._work)
        if self._work.lost:
            raise self._work.lost
        transaction = await self._api.post("transactions", self._body, once=self._once)
        if transaction["status"] == "review":
            self._work.under_review = True
            raise UnderReview(transaction)
        return Hold(self._api, self._work, transaction)


async def _void(hold: Hold, exc: BaseException) -> None:
    """The handler's own exception is the one that counts; what cannot be voided now ends with the lease."""
    try:
        await hold.void(type(exc).__name__)
    except ChimeraError as error:
        log.warning("hold %s not voided: %s", hold.id, error)
