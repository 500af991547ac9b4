"""What a handler may do while it works on a task."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from chimera_sdk import encoding, outcome
from chimera_sdk.acting import Act
from chimera_sdk.client import AsyncClient
from chimera_sdk.errors import Json
from chimera_sdk.outcome import Result
from chimera_sdk.spending import Hold, Spend
from chimera_sdk.work import Task, Work


class Resume:
    """What a person decided before the task came back: a note, and the money that was approved and is held for us.

    `decision` is "approved", or "changes_requested": do it anew, as the note says.
    """

    def __init__(self, said: Json, transactions: "list[Hold]") -> None:
        self.review: str = said["review"]
        self.decision: str = said.get("decision") or "approved"
        self.note: str = said.get("note") or ""
        self.action: str | None = said.get("action")  # the id of the one that was approved; `ctx.act` goes on with it
        self.edited: bool = bool(
            said.get("edited")
        )  # other arguments than ours were approved; the execution shows them
        self.transactions = transactions

    def __repr__(self) -> str:
        return f"<Resume review={self.review} {self.decision} note={self.note!r} transactions={self.transactions}>"


class Context:
    """Every call but `result`, `failed` and `artifact` raises StaleLease once the lease is over."""

    __slots__ = ("_meter", "_note", "_told", "_work", "api", "artifacts")

    def __init__(
        self,
        work: Work,
        note: Callable[[Work, Json], None],
        meter: Callable[[Work], object],
        told: Callable[[Work], Awaitable[None]],
        api: AsyncClient,
    ) -> None:
        """`meter` is told, from any thread, that the work's cost has grown; `told` waits until that is counted."""
        self._work, self._note, self._meter, self._told = work, note, meter, told
        self.api = api  # the rest of the API
        self.artifacts: list[Json] = []

    @property
    def task(self) -> Task:
        return self._work.task

    @property
    def lease_token(self) -> str:
        """For calls of the API that ask for it."""
        return self._work.token

    @property
    def attempt(self) -> int:
        return self._work.attempt

    @property
    def resume(self) -> Resume | None:
        """None, unless the task comes back from a person. Asking again for what was approved gives the same hold."""
        said = self._work.resume
        if not said:
            return None
        return Resume(said, [Hold(self.api, self._work, t) for t in said.get("transactions") or []])

    @property
    def cancelled(self) -> bool:
        """The lease is over, or the task was stopped."""
        return self._work.lost is not None

    @property
    def paused(self) -> bool:
        """The session, the campaign or this agent is paused: go on if that is cheap, wait if it is not."""
        return self._work.paused

    def check(self) -> None:
        """Raises StaleLease when there is no point in going on."""
        if self._work.lost:
            raise self._work.lost

    async def progress(
        self,
        phase: str,
        percentage: float | None = None,
        message: str = "",
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell how far we are. Sent soon, and not waited for; of several that come at once the last is sent."""
        self.check()
        note: Json = {"phase": phase}
        if percentage is not None:
            note["percentage"] = percentage
        if message:
            note["message"] = message
        if metadata:
            note["metadata"] = dict(metadata)
        encoding.encoded(note)  # what JSON cannot say is the handler's trouble, and not the connection's
        self._note(self._work, note)

    async def recall(self, query: str, **filters: Any) -> list[Json]:
        """[{memory, score, parts}], best first; kept with the task as what it knew.

        Filters: limit, mode, category, session, agent_role, persona, since, as_of.
        """
        self.check()
        body = {"query": query, "task": self.task.id, "lease_token": self._work.token} | filters
        found = await self.api.post("memories/search", body, once=self._work.call_name("recall", body))
        results: list[Json] = found["results"]
        return results

    async def speak_as(self, persona: str, **asked: Any) -> Json:
        """{text, sections, left_out, used_tokens, …}: what a persona begins this task with; kept with the task as what it knew.

        Asked: query, budget_tokens, version.
        """
        self.check()
        body = {"task": self.task.id, "lease_token": self._work.token} | asked
        path = f"personas/{encoding.segment(persona)}/context"
        return await self.api.post(path, body, once=self._work.call_name("speak_as", {"persona": persona} | body))

    async def remember(self, content: str, *, once: str | None = None, **fields: Any) -> Json:
        """The memory as it was kept, of this session and task unless `fields` say otherwise.

        Fields: category, importance_score, persona, source, visibility, valid_from, valid_until, session, task.
        """
        self.check()
        body = {"content": content, "session": self.task.session, "task": self.task.id} | fields
        return await self.api.post("memories", body, once=once or self._work.call_name("remember", body))

    def spend(
        self,
        amount_usd: str | Decimal | int,
        *,
        payee: str = "",
        category: str = "",
        purpose: str = "",
        asset: str = "USD",
        metadata: Mapping[str, Any] | None = None,
        correlation_key: str = "",
        once: str | None = None,
    ) -> Spend:
        """Hold money: `async with` it, or await it.

        `purpose` says what for, for people; under `correlation_key` they may have decided already. Asked again under the same
        lease it is the same purchase; `once` names it
        across leases too.
        """
        body: Json = {
            "task": self.task.id,
            "lease_token": self._work.token,
            "amount_usd": encoding.amount_text(amount_usd),
            "asset_symbol": asset,
            "payee": payee,
            "category": category,
        }
        if purpose:
            body["purpose"] = purpose
        if metadata:
            body["metadata"] = dict(metadata)
        if correlation_key:
            body["correlation_key"] = correlation_key
        return Spend(self.api, self._work, body, told=self._told, once=once or self._work.call_name("spend", body))

    def act(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        amount_usd: str | Decimal | int | None = None,
        payee: str = "",
        category: str = "",
        purpose: str = "",
        correlation_key: str = "",
        once: str | None = None,
    ) -> Act:
        """Do something to the world: `async with` it, and do inside what `action.arguments` say.

        Decided before it happens: ActionDenied, UnderReview. After an approval the same call goes on with the same action.
        `amount_usd` is held, and what `action.cost_usd` says in the end is spent of it. Under `correlation_key` people may have
        decided already.
        """
        body: Json = {"lease_token": self._work.token, "tool": tool, "arguments": dict(arguments), "payee": payee}
        if amount_usd is not None:
            body["amount_usd"] = encoding.amount_text(amount_usd)
        more = {"category": category, "purpose": purpose, "correlation_key": correlation_key}
        body |= {name: said for name, said in more.items() if said}
        return Act(self.api, self._work, body, told=self._told, once=once or self._work.call_name("act", body))

    def cost(self, amount_usd: str | Decimal | int) -> None:
        """Add to what this lease has cost: plain, from any thread, and not waited for.

        Told with the next beat, at once when it is more than Chimera holds ahead, and the rest with the result. Once the
        budgets permit no more, this and every other call raises OutOfMoney, and a person decides whether the task goes on.
        ProblemError where costs cannot be counted, as in a dry run.
        """
        self.check()
        if self._work.meter.refusal:
            raise self._work.meter.refusal
        self._work.meter.add(amount_usd)
        self._meter(self._work)

    def artifact(self, type: str, *, content: Any = None, uri: str | None = None) -> None:
        """Add one to the result: its `content`, or the `uri` where it lies."""
        if (content is None) == (uri is None):
            raise ValueError("An artifact has either `content` or `uri`.")
        self.artifacts.append({"type": type, "content": content} if uri is None else {"type": type, "uri": uri})

    def result(
        self,
        output: Mapping[str, Any] | None = None,
        *,
        confidence: float | None = None,
        reasoning: str = "",
        evidence: Sequence[Any] = (),
        metrics: Mapping[str, Any] | None = None,
        correlation_key: str = "",
    ) -> Result:
        """A success, to be returned. `confidence` is from 0 to 1; without one a person may have to look at it. Under
        `correlation_key` people may have decided already."""
        return outcome.succeeded(
            output,
            confidence=confidence,
            reasoning=reasoning,
            evidence=evidence,
            artifacts=self.artifacts,
            metrics=metrics,
            correlation_key=correlation_key,
        )

    def failed(
        self, message: str, *, code: str = "failed", retryable: bool = False, metrics: Mapping[str, Any] | None = None
    ) -> Result:
        """A failure without an exception, to be returned."""
        return outcome.failed(message, code=code, retryable=retryable, metrics=metrics)
