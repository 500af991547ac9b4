"""What is done to the world: decided before it happens, done once, and told afterwards.

It goes over HTTP. Proposing has an Idempotency-Key of its lease, as a spend; executing has one of this very call: whoever works on the
same lease again, after a restart, is told that it has begun already, and does not do it twice.
"""

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import TracebackType
from uuid import uuid4

from chimera_sdk.client import AsyncClient
from chimera_sdk.encoding import amount_text
from chimera_sdk.errors import ActionDenied, ChimeraError, Json, ProblemError, UnderReview
from chimera_sdk.work import Work

log = logging.getLogger("chimera_sdk")


class Action:
    """Allowed, and ours to do now. `arguments` are what was approved: a person may have edited them.

    Set `output` and `cost_usd` for the end of the block, or say it with `settle`.
    """

    def __init__(self, api: AsyncClient, said: Json, execution: Json) -> None:
        self._api, self._token = api, str(execution["execution_token"])
        self.said = said
        self.id, self.tool = str(said["id"]), str(execution["tool"])
        self.arguments: Json = execution["arguments"]
        self.output: Json | None = None
        self.cost_usd: str | Decimal | int | None = None

    @property
    def status(self) -> str:
        """executing, succeeded or failed, as far as we know."""
        status = str(self.said["status"])
        return "executing" if status == "allowed" else status

    def __repr__(self) -> str:
        return f"<Action {self.tool} {self.id} {self.status}>"

    async def settle(
        self, status: str, *, output: Json | None = None, cost_usd: str | Decimal | int | None = None
    ) -> None:
        """`status`: succeeded or failed. Without `cost_usd` a success has cost all that was held, and a failure nothing."""
        body: Json = {"execution_token": self._token, "status": status}
        if output is not None:
            body["output"] = output
        if cost_usd is not None:
            body["cost_usd"] = amount_text(cost_usd)
        self.said = await self._api.post(f"actions/{self.id}/outcome", body)


class Act:
    """`async with ctx.act(…) as action` tells a success at its end, and a failure when an exception leaves it.

    Raises ActionDenied, UnderReview or StaleLease. Cut off in the middle (CancelledError) it tells nothing: nobody knows then
    whether it was done, and its money counts as spent.
    """

    def __init__(
        self, api: AsyncClient, work: Work, body: Json, *, told: Callable[[Work], Awaitable[None]], once: str
    ) -> None:
        """`told` waits until what the work has cost is counted: this may end its lease."""
        self._api, self._work, self._body, self._told, self._once = api, work, body, told, once
        self._action: Action | None = None

    async def __aenter__(self) -> Action:
        self._action = await self._allowed()
        return self._action

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        action = self._action
        assert action is not None
        if action.status != "executing":
            return
        if exc is None:
            await action.settle("succeeded", output=action.output, cost_usd=action.cost_usd)
        elif isinstance(exc, Exception):
            await _failed(action, exc)

    async def _allowed(self) -> Action:
        await self._told(self._work)
        if self._work.lost:
            raise self._work.lost
        said = await self._api.post(f"tasks/{self._work.task.id}/actions", self._body, once=self._once)
        if said["status"] == "review":
            self._ask(said)
        if said["status"] != "allowed":
            raise ActionDenied(said)
        return Action(self._api, said, await self._execution(said))

    async def _execution(self, said: Json) -> Json:
        shown = {"lease_token": self._work.token, "digest": said["digest"]}
        try:
            return await self._api.post(f"actions/{said['id']}/execution", shown, once=f"execution-{uuid4()}")
        except ProblemError as problem:
            if problem.code == "approval_mismatch" and problem.body["anew"]["status"] == "review":
                self._ask(problem.body["anew"])
            raise

    def _ask(self, said: Json) -> None:
        self._work.under_review = True
        raise UnderReview(action=said)


async def _failed(action: Action, exc: Exception) -> None:
    """The handler's own exception is the one that counts; what is not told now counts as spent."""
    output = action.output or {"error": type(exc).__name__}
    try:
        await action.settle("failed", output=output, cost_usd=action.cost_usd)
    except ChimeraError as error:
        log.warning("%r: its failure was not told: %s", action, error)
