"""The works in hand: begun, lost, reported, and brought to an end at shutdown. It knows nothing of how they came."""

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from chimera_sdk import outcome
from chimera_sdk.client import AsyncClient, Client
from chimera_sdk.context import Context
from chimera_sdk.errors import Json, OutOfMoney, ProblemError, StaleLease, Stopped, UnderReview
from chimera_sdk.lines import Line, passes
from chimera_sdk.metering import Reserves
from chimera_sdk.threaded import ThreadContext
from chimera_sdk.threads import Threads
from chimera_sdk.work import Work

log = logging.getLogger("chimera_sdk")

Handler = Callable[..., Any]
ANY = "*"  # the handler of types that have none of their own
LEASE_SECONDS = 60.0  # until the server says otherwise
BEAT_SECONDS_MAX = 10.0
BEATS_PER_LEASE = 3
PRESS_SECONDS = 0.05  # what cannot wait for the next beat waits that long for its work to end, and goes with the result
OF_COSTS = frozenset({"dry_run", "role"})  # why a result's cost is refused, and not the result


class Workshop:
    """At most `slots` works at once; `line` brings them and takes their results. All of it in one event loop."""

    line: Line

    def __init__(
        self,
        handlers: dict[str, Handler],
        confidences: dict[str, float],
        reserves: dict[str, Decimal],
        *,
        api: AsyncClient,
        slots: int,
    ) -> None:
        """By type: `confidences` of successes that say none; `reserves` to be held before a work begins."""
        self.handlers, self.confidences, self.api, self.slots = handlers, confidences, api, slots
        self._reserves = Reserves(reserves)
        self.works: dict[str, Work] = {}  # by lease token, until their result is answered
        self.draining = False
        self.abandoned = 0  # works that the end of the agent cut off
        self.lease_seconds = LEASE_SECONDS
        self._learnt = False
        self.beat_seconds = BEAT_SECONDS_MAX
        self.changed = asyncio.Event()  # a work has gone
        self._paced = asyncio.Event()  # there is a new `beat_seconds`
        self._unsure: set[str] = set()  # types whose results have come without a confidence
        self._plain = {type: not _waits(handler) for type, handler in handlers.items()}
        self._threads = Threads()
        self._client: Client | None = None

    @property
    def wanted(self) -> int:
        """How many tasks to hold at once."""
        return 0 if self.draining else self.slots

    @property
    def free(self) -> int:
        return max(0, self.wanted - len(self.works))

    @property
    def types(self) -> list[str] | None:
        """What we can work on; None: anything."""
        return None if ANY in self.handlers else list(self.handlers)

    @property
    def types_shown(self) -> str:
        return ", ".join(self.types or ["any"])

    def learn(self, lease_seconds: float, beat_seconds: float = BEAT_SECONDS_MAX) -> None:
        self.lease_seconds = lease_seconds
        pace = min(beat_seconds, lease_seconds / BEATS_PER_LEASE)
        if pace != self.beat_seconds:
            self.beat_seconds = pace
            self._paced.set()

    # --- works come and go

    def take(self, claim: Json) -> None:
        """Begin, unless it is in hand already. While draining nothing is begun, and the line gives it back."""
        token = claim["lease_token"]
        if token in self.works or self.draining:
            return
        work = self.works[token] = Work(claim)
        work.running = asyncio.get_running_loop().create_task(self._work(work))

    def learn_from(self, claim: Json) -> None:
        """How long leases are, where nobody says so: from one that neither a timeout nor a deadline shortens, or the first."""
        task = claim["task"]
        if not self._learnt or not (task.get("timeout_seconds") or task.get("deadline_at")):
            self._learnt = True
            self.learn(Work(claim).given_seconds() or self.lease_seconds)

    def lose(self, work: Work, why: StaleLease) -> None:
        """Cancel its handler; nothing is reported. A work that has its result waits for the answer instead."""
        if work.said is not None or self.works.get(work.token) is not work:
            return
        log.warning("%r lost: %s", work.task, why.detail)
        work.lost = why
        assert work.running is not None
        work.running.cancel()
        self.settled(work)

    def lose_all(self, why: str) -> int:
        """How many there were to lose."""
        before = len(self.works)
        for work in list(self.works.values()):
            self.lose(work, Stopped(detail=why))
        return before - len(self.works)

    def abandon(self, why: str) -> None:
        """The end: what is not done, or not acknowledged, will not be."""
        self.abandoned += self.lose_all(why) + len(self.works)
        if self.abandoned:
            log.error("%d tasks were left undone; they go back to the queue", self.abandoned)

    def settled(self, work: Work) -> None:
        """Nothing more is to be said about it."""
        if work.meter.waits:
            log.warning("%r: %s USD of its cost were not counted", work.task, work.meter.uncounted)
        if self.works.pop(work.token, None) is not None:
            self.changed.set()

    def answered(self, work: Work, status: str) -> None:
        waits = ", a person or a judge decides," if status == "blocked" else ""
        log.info("%r: %s%s in %.1f s", work.task, status, waits, time.monotonic() - work.received)
        work.meter.answer(work.meter.last)
        self.settled(work)

    def refused(self, work: Work, code: str, detail: str) -> None:
        """The result cannot be taken as it is. One whose cost cannot be counted goes without it; else, once, a failure that says
        so takes its place; a stale lease ends it."""
        if code in OF_COSTS and work.meter.waits and work.result is not None:
            log.error("%r: its cost was refused: %s: %s", work.task, code, detail)
            work.meter.refuse(ProblemError(422, {"code": code, "detail": detail}))
            work.said = outcome.encoded(work, work.result)
            self.line.report(work)
            return
        if code in {"stale_lease", "stale"} or work.refused:
            log.warning("%r: its result was not taken: %s: %s", work.task, code, detail)
            self.settled(work)
            return
        log.error("%r: its result was refused: %s: %s", work.task, code, detail)
        work.refused = True
        work.result = outcome.failed(detail, code=f"result_{code}", retryable=False)
        work.said = outcome.encoded(work, work.result)
        self.line.report(work)

    def unanswered(self) -> list[Work]:
        """Works whose result was not acknowledged yet."""
        return [work for work in self.works.values() if work.said is not None]

    # --- leases

    async def keep_alive(self) -> None:
        """One beat for all leases, each `beat_seconds`; a lease that ended without an answer is lost."""
        while True:
            self._paced.clear()
            try:
                async with asyncio.timeout(self.beat_seconds):
                    await self._paced.wait()
            except TimeoutError:
                self._beat()

    def _beat(self) -> None:
        now = time.monotonic()
        for work in list(self.works.values()):
            if work.ends_at(self.lease_seconds) < now:
                self.lose(work, StaleLease(detail="The lease ended, and the server could not be asked to renew it."))
        if works := [work for work in self.works.values() if work.held]:
            self.line.beat(works)

    def beaten(self, work: Work, said: Json, cost: Decimal | None = None) -> None:
        """The answer to a heartbeat, which may have told the work's cost: {lease_expires_at, commands}, of which a `reason`
        says that the money is used up, or {error}."""
        if error := said.get("error"):
            self._not_beaten(work, error, cost)
            return
        work.meter.answer(cost)
        if said.get("reason"):
            self.lose(work, OutOfMoney(said))
            return
        self._meter(work)
        work.renewed(said["lease_expires_at"], self.lease_seconds)
        commands = said.get("commands") or []
        work.paused = "pause" in commands
        if "stop" in commands:
            self.command("stop", work)

    def _not_beaten(self, work: Work, error: Json, cost: Decimal | None) -> None:
        code = str(error.get("code"))
        if cost is not None and passes(code):
            work.meter.answer(None)
            log.warning("%r: its cost is not counted yet: %s", work.task, error.get("detail"))
        elif cost is not None and code != "stale_lease":
            work.meter.refuse(ProblemError(422, error))
            log.error("%r: its cost was refused: %s: %s", work.task, code, error.get("detail"))
            self.line.beat([work])  # its lease was not renewed
        else:
            self.lose(work, StaleLease(detail=str(error.get("detail") or code)))

    def _grown(self, work: Work) -> None:
        """Its cost has."""
        if work.meter.presses and not work.pressed:
            work.pressed = True
            asyncio.get_running_loop().call_later(PRESS_SECONDS, self._pressed, work)

    def _pressed(self, work: Work) -> None:
        work.pressed = False
        self._meter(work)

    def _meter(self, work: Work) -> None:
        """Tell what presses of its cost."""
        if work.held and work.said is None and work.meter.press():
            self.line.beat([work])

    async def told(self, work: Work) -> None:
        """Until Chimera has counted all that the work has cost, and holds what it wants. A lease that ends meanwhile is lost,
        which cancels this."""
        while work.held and work.meter.waits:
            work.meter.answered.clear()
            if not work.meter.asked:
                self.line.beat([work])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.beat_seconds):
                    await work.meter.answered.wait()

    def command(self, name: str, work: Work) -> None:
        if name == "stop":
            self.lose(work, Stopped(detail="The task was stopped."))
        elif name == "pause":
            work.paused = True

    def note(self, work: Work, note: Json) -> None:
        self.line.note(work, note)

    # --- the work itself

    async def _work(self, work: Work) -> None:
        result = await self._outcome(work)
        if work.lost is not None:
            return
        if result is None:
            self.settled(work)
            self.line.let_go(work)
            return
        try:
            work.said = outcome.encoded(work, result)
        except (TypeError, ValueError) as error:
            result = outcome.failed(f"The output is no JSON: {error}", code="output_not_json", retryable=False)
            work.said = outcome.encoded(work, result)
        work.result = result
        self._tell(work, result)
        self.line.report(work)

    def _tell(self, work: Work, result: outcome.Result) -> None:
        """What whoever runs the agent should see."""
        if result.is_failure:
            error = result.fields["error"]
            log.warning("%r failed: %s: %s", work.task, error["code"], error["message"])
        elif result.needs_a_look and work.task.type not in self._unsure:
            self._unsure.add(work.task.type)
            log.warning(
                "%r: without a confidence a person has to look at each result of this type; give "
                "ctx.result(…, confidence=0.95), or @agent.task(%r, confidence=0.95)",
                work.task, work.task.type,
            )  # fmt: skip

    async def _outcome(self, work: Work) -> outcome.Result | None:
        """None when there is nothing to report: the lease is over, or a person decides."""
        loop = asyncio.get_running_loop()
        ctx = Context(work, self.note, lambda grown: loop.call_soon_threadsafe(self._grown, grown), self.told, self.api)
        kind = self._kind(work)
        try:
            if self._reserves.ask(kind, work.meter):
                await self.told(work)
            answer = await self._handled(work, ctx)
            if work.under_review:
                log.warning("%r: a person decides about it; what its handler returned is not sent", work.task)
                return None
            return outcome.of_answer(answer, ctx.artifacts, confidence=self.confidences.get(kind))
        except (StaleLease, UnderReview) as reason:
            log.info("%r: nothing to report: %s", work.task, reason)
            return None
        except asyncio.CancelledError as error:
            return outcome.of_exception(error)  # by the handler itself; what is lost reports nothing in any case
        except (Exception, SystemExit) as error:
            return outcome.of_exception(error)
        finally:
            self._reserves.learn(kind, work.meter)

    async def _handled(self, work: Work, ctx: Context) -> object:
        kind = self._kind(work)
        handler = self.handlers.get(kind)
        if handler is None:
            known = ", ".join(sorted(self.handlers))
            return ctx.failed(f"This agent works on: {known}.", code="unknown_task_type", retryable=True)
        if not self._plain[kind]:
            return await handler(work.task, ctx)
        loop, plain = asyncio.get_running_loop(), handler
        threaded = ThreadContext(ctx, loop, self._sync_client())
        return await self._threads.run(lambda: plain(work.task, threaded))

    def _kind(self, work: Work) -> str:
        type = work.task.type
        return type if type in self.handlers else ANY

    def _sync_client(self) -> Client:
        if self._client is None:
            access = self.api.access
            self._client = Client(access.url, access.key, patience_seconds=self.api.patience_seconds)
        return self._client

    # --- the end

    async def drain(self, *, work_seconds: float, report_seconds: float) -> None:
        """No new tasks; what runs may end, and is then stopped; what was said is answered, or its lease lapses."""
        self.draining = True
        self.line.refill()
        if running := [work.running for work in self.works.values() if work.running and not work.running.done()]:
            log.info("draining: %d tasks have %g seconds to end", len(running), work_seconds)
            await asyncio.wait(running, timeout=work_seconds)
        self.abandoned += self.lose_all("The agent is shutting down.")
        try:
            async with asyncio.timeout(report_seconds):
                while self.works:
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            log.warning("%d results were not acknowledged; their leases lapse", len(self.works))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def _waits(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
