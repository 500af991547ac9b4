"""The context of plain `def` handlers: the same calls as Context, made from the handler's thread, waiting for the answer."""

import asyncio
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar

from chimera_sdk.acting import Act, Action
from chimera_sdk.client import Client
from chimera_sdk.context import Context, Resume
from chimera_sdk.errors import Json
from chimera_sdk.spending import Hold, Spend
from chimera_sdk.work import Task

T = TypeVar("T")


class ThreadHold:
    """A hold, settled from a thread."""

    def __init__(self, hold: Hold, home: "ThreadContext") -> None:
        self._hold, self._home = hold, home
        self.id, self.amount_usd = hold.id, hold.amount_usd

    @property
    def status(self) -> str:
        return self._hold.status

    @property
    def transaction(self) -> Json:
        return self._hold.transaction

    def __repr__(self) -> str:
        return repr(self._hold)

    def capture(self, amount_usd: str | Decimal | int | None = None) -> None:
        self._home.wait(self._hold.capture(amount_usd))

    def void(self, reason: str = "") -> None:
        self._home.wait(self._hold.void(reason))


class ThreadSpend:
    """`with ctx.spend(…) as hold` captures at its end and voids on an exception; `ctx.spend(…).hold()` does neither."""

    def __init__(self, spend: Spend, home: "ThreadContext") -> None:
        self._spend, self._home = spend, home

    def hold(self) -> ThreadHold:
        return ThreadHold(self._home.wait(_awaited(self._spend)), self._home)

    def __enter__(self) -> ThreadHold:
        return ThreadHold(self._home.wait(self._spend.__aenter__()), self._home)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._home.wait(self._spend.__aexit__(kind, exc, tb))


class ThreadAction:
    """An action, settled from a thread. Set `output` and `cost_usd` for the end of the block."""

    def __init__(self, action: Action, home: "ThreadContext") -> None:
        self._action, self._home = action, home
        self.id, self.tool, self.arguments = action.id, action.tool, action.arguments
        self.output: Json | None = None
        self.cost_usd: str | Decimal | int | None = None

    @property
    def status(self) -> str:
        return self._action.status

    def __repr__(self) -> str:
        return repr(self._action)

    def settle(self, status: str, *, output: Json | None = None, cost_usd: str | Decimal | int | None = None) -> None:
        self._home.wait(self._action.settle(status, output=output, cost_usd=cost_usd))

    def _say(self) -> None:
        self._action.output, self._action.cost_usd = self.output, self.cost_usd


class ThreadAct:
    """`with ctx.act(…) as action` tells a success at its end, and a failure when an exception leaves it."""

    def __init__(self, act: Act, home: "ThreadContext") -> None:
        self._act, self._home = act, home
        self._action: ThreadAction | None = None

    def __enter__(self) -> ThreadAction:
        self._action = ThreadAction(self._home.wait(self._act.__aenter__()), self._home)
        return self._action

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        assert self._action is not None
        self._action._say()
        self._home.wait(self._act.__aexit__(kind, exc, tb))


class ThreadResume:
    def __init__(self, said: Resume, transactions: "list[ThreadHold]") -> None:
        self.review, self.note, self.action, self.transactions = said.review, said.note, said.action, transactions
        self.decision, self.edited = said.decision, said.edited

    def __repr__(self) -> str:
        return f"<Resume review={self.review} {self.decision} note={self.note!r} transactions={self.transactions}>"


class ThreadContext:
    """As Context, for a thread. A lost lease shows as `cancelled` and as StaleLease at the next call."""

    def __init__(self, inner: Context, loop: asyncio.AbstractEventLoop, api: Client) -> None:
        self._inner, self._loop = inner, loop
        self.api = api  # the rest of the API
        self.check, self.result, self.failed, self.artifact = inner.check, inner.result, inner.failed, inner.artifact
        self.cost = inner.cost

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    @property
    def task(self) -> Task:
        return self._inner.task

    @property
    def lease_token(self) -> str:
        return self._inner.lease_token

    @property
    def attempt(self) -> int:
        return self._inner.attempt

    @property
    def artifacts(self) -> list[Json]:
        return self._inner.artifacts

    @property
    def resume(self) -> ThreadResume | None:
        said = self._inner.resume
        if said is None:
            return None
        return ThreadResume(said, [ThreadHold(hold, self) for hold in said.transactions])

    @property
    def cancelled(self) -> bool:
        return self._inner.cancelled

    @property
    def paused(self) -> bool:
        return self._inner.paused

    def progress(
        self,
        phase: str,
        percentage: float | None = None,
        message: str = "",
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.wait(self._inner.progress(phase, percentage, message, metadata=metadata))

    def recall(self, query: str, **filters: Any) -> list[Json]:
        return self.wait(self._inner.recall(query, **filters))

    def speak_as(self, persona: str, **asked: Any) -> Json:
        return self.wait(self._inner.speak_as(persona, **asked))

    def remember(self, content: str, *, once: str | None = None, **fields: Any) -> Json:
        return self.wait(self._inner.remember(content, once=once, **fields))

    def spend(self, amount_usd: str | Decimal | int, **more: Any) -> ThreadSpend:
        """payee, category, purpose, asset, metadata and once, as Context.spend has them."""
        return ThreadSpend(self._inner.spend(amount_usd, **more), self)

    def act(self, tool: str, arguments: Mapping[str, Any], **more: Any) -> ThreadAct:
        """amount_usd, payee, category, purpose and once, as Context.act has them."""
        return ThreadAct(self._inner.act(tool, arguments, **more), self)


async def _awaited(spend: Spend) -> Hold:
    return await spend
