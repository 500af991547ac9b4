"""HTTP instead of the socket: claims by long poll, results in bulk, a heartbeat per lease."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from chimera_sdk.client import AsyncClient
from chimera_sdk.errors import Away, ChimeraError, Json, ProblemError, StaleLease
from chimera_sdk.exchange import Call
from chimera_sdk.lines import AGAIN_SECONDS, passes
from chimera_sdk.sockets import settle
from chimera_sdk.work import Work
from chimera_sdk.workshop import Workshop

log = logging.getLogger("chimera_sdk")

WAIT_SECONDS = 20  # of one long poll
CLAIMS_MAX = 64  # of one call, as the API has it
RESULTS_MAX = 500
RESULTS_BYTES_MAX = 3 * 1024 * 1024  # the API takes bodies of 4 MiB
NOTE_SECONDS = 0.5  # progress of one task is told no more often: each is a call
REFUSED_SECONDS = 2.0  # a suspended agent is refused claims until somebody lets it in again
COME_BACK = frozenset({"agent_suspended", "internal", "http_500"})  # any other refusal of a claim will not change


class PollingLine:
    def __init__(self, workshop: Workshop, api: AsyncClient) -> None:
        self.workshop, self.api = workshop, api
        self._results: list[Work] = []
        self._wake = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None
        self._beats: set[asyncio.Task[None]] = set()

    # --- what is said

    def report(self, work: Work) -> None:
        self._results.append(work)
        self._wake.set()

    def note(self, work: Work, note: Json) -> None:
        work.note = note
        self._beat(work)

    def beat(self, works: Sequence[Work]) -> None:
        for work in works:
            self._beat(work)

    def let_go(self, work: Work) -> None:
        """The server counts leases itself when it is asked for claims."""

    def refill(self) -> None:
        """Draining: the poll is broken off. What is claimed in that very moment lapses with its lease."""
        if self.workshop.draining and self._polling:
            self._polling.cancel()

    async def serve(self) -> None:
        log.info("working over HTTP, %d slots, types: %s", self.workshop.slots, self.workshop.types_shown)
        for work in self.workshop.unanswered():
            self.report(work)
        self._polling = asyncio.create_task(self._poll())
        reporting = asyncio.create_task(self._report())
        try:
            await asyncio.wait([self._polling, reporting], return_when=asyncio.FIRST_COMPLETED)
            if not self._polling.cancelled():
                self._polling.result()
            await reporting  # draining
        finally:
            for task in (self._polling, reporting, *self._beats):
                task.cancel()

    # --- claims

    async def _poll(self) -> None:
        asked: Call | None = None  # a claim whose answer we do not have
        while True:
            self.workshop.changed.clear()
            if asked is None and not self.workshop.free:
                await self.workshop.changed.wait()
                continue
            asked = asked or self._claim(min(self.workshop.free, CLAIMS_MAX))
            try:
                answer = await self.api.send(asked)
            except Away as error:
                log.warning("no work: %s", error)
                continue
            except ProblemError as error:
                if error.code not in COME_BACK:
                    raise
                log.warning("no work: %s", error)
                await asyncio.sleep(REFUSED_SECONDS)
                continue
            asked = None
            for claim in answer["claims"]:
                self.workshop.learn_from(claim)
                self.workshop.take(claim)

    def _claim(self, most: int) -> Call:
        """Keyed: if its answer is lost, what was claimed comes with the repeat."""
        body: Json = {"max": most, "wait_seconds": WAIT_SECONDS}
        if (types := self.workshop.types) is not None:
            body["types"] = types
        return Call.post("claims", body, timeout_seconds=WAIT_SECONDS + 15.0)

    # --- results

    async def _report(self) -> None:
        """What is ready goes in one call; what becomes ready meanwhile goes in the next."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._results:
                await self._hand_in(self._batch())

    def _batch(self) -> list[Work]:
        size, batch = 0, list[Work]()
        while self._results and len(batch) < RESULTS_MAX:
            size += len(self._results[0].said or "")
            if batch and size > RESULTS_BYTES_MAX:
                break
            batch.append(self._results.pop(0))
        return batch

    async def _hand_in(self, works: "list[Work]") -> None:
        content = '{"results":[' + ",".join(work.said or "" for work in works) + "]}"
        call = Call("POST", "claims/results", content=content.encode(), harmless=True)
        try:
            outcomes = (await self.api.send(call))["outcomes"]
        except Away as error:
            log.warning("%d results not reported yet: %s", len(works), error)
            self._results = works + self._results
        except ProblemError as error:
            if passes(error.code, error.status):
                log.warning("%d results not reported yet: %s", len(works), error)
                await self._again(works)
            elif len(works) == 1:
                self.workshop.refused(works[0], error.code, error.detail)
            else:  # which of them it is, each will tell
                for work in works:
                    await self._hand_in([work])
        else:
            await self._again(
                [w for w, said in zip(works, outcomes, strict=True) if not settle(self.workshop, w, said)]
            )

    async def _again(self, works: "list[Work]") -> None:
        self._results = works + self._results
        if works:
            await asyncio.sleep(AGAIN_SECONDS)

    # --- heartbeats

    def _beat(self, work: Work) -> None:
        if not work.beating:
            work.beating = True
            task = asyncio.get_running_loop().create_task(self._beaten(work))
            self._beats.add(task)
            task.add_done_callback(self._beats.discard)

    async def _beaten(self, work: Work) -> None:
        """One heartbeat, and soon another for progress that was noted meanwhile, or a cost that presses."""
        try:
            while True:
                note, work.note = work.note, None
                await self._call(work, note)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(NOTE_SECONDS):
                        await work.meter.pressing.wait()
                if (work.note is None and not work.meter.presses) or work.lost or work.said:
                    return
        finally:
            work.beating = False

    async def _call(self, work: Work, note: Json | None) -> None:
        cost = work.meter.tell()
        body = {"lease_token": work.token} | ({"progress": note} if note else {})
        body |= {} if cost is None else work.meter.fields(cost)
        path = f"tasks/{work.task.id}/heartbeat"
        patience = self.workshop.beat_seconds
        try:
            said = await self.api.send(Call("POST", path, body=body, harmless=True, patience_seconds=patience))
        except StaleLease as error:
            self.workshop.beaten(work, {"error": {"code": error.code, "detail": error.detail}}, cost)
        except ChimeraError as error:
            log.warning("%r: no heartbeat: %s", work.task, error)  # the lease decides, not we
            if cost is not None:
                self._not_counted(work, error)
        else:
            self.workshop.beaten(work, said, cost)

    def _not_counted(self, work: Work, error: ChimeraError) -> None:
        if isinstance(error, ProblemError) and not passes(error.code, error.status):
            work.meter.refuse(error)
        else:
            work.meter.answer(None)
