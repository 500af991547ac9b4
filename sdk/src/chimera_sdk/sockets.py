"""The agent socket: tasks are pushed, results and heartbeats go out in frames, and a lost connection is taken up again."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from chimera_sdk.access import Access
from chimera_sdk.backoff import Backoff
from chimera_sdk.client import AsyncClient
from chimera_sdk.errors import Away, Json, ProblemError
from chimera_sdk.exchange import Call
from chimera_sdk.handshake import first_end, frames, hello, of_closing, of_status, shake_hands
from chimera_sdk.lines import AGAIN_SECONDS, NoSocket, Outage, passes
from chimera_sdk.outbox import Beat, Item, Outbox
from chimera_sdk.work import Work
from chimera_sdk.workshop import Workshop

log = logging.getLogger("chimera_sdk")

STEADY_SECONDS = 10.0  # a connection that lasted so long was a good one: the next pause is short again
LEASES_MAX = 64  # of one heartbeat


class SocketLine:
    def __init__(self, workshop: Workshop, access: Access, api: AsyncClient) -> None:
        self.workshop, self.access, self.api = workshop, access, api
        self.outbox = Outbox()
        self._wake = asyncio.Event()
        self._open = False
        self._known = False  # this key has been let in before
        self._unmet: set[str] = set()  # tokens of leases from before, which this connection has not been answered about
        self._aside: set[asyncio.Task[None]] = set()

    # --- what is said

    def report(self, work: Work) -> None:
        """While the connection is away it waits in `work.said`, and `_greet` sends it."""
        assert work.said is not None
        if not self.outbox.fits(work.said):
            self._besides(self._report_by_http(work))
        elif self._open:
            self.outbox.result(work)
            self._wake.set()

    def note(self, work: Work, note: Json) -> None:
        if self._open:
            self.outbox.note(work, note)
            self._wake.set()

    def beat(self, works: Sequence[Work]) -> None:
        if self._open:
            for start in range(0, len(works), LEASES_MAX):
                self.outbox.beat(works[start : start + LEASES_MAX])
            self._wake.set()

    def let_go(self, work: Work) -> None:
        """What ended a lease over HTTP, such as a review, the socket learns from a heartbeat."""
        self.beat([work])

    def refill(self) -> None:
        """Not before it is known what we still hold, or we might be given more than we want."""
        if self._open and not self._unmet:
            types = self.workshop.types
            self.outbox.put("ready", {"slots": self.workshop.wanted} | ({} if types is None else {"types": types}))
            self._wake.set()

    # --- the connection

    async def serve(self) -> None:
        """Connect, and connect again. Raises NoSocket, or ProblemError when the key is no good.

        Who was let in before and is forbidden now was suspended: its leases are gone, and it asks now and then.
        """
        pauses = Backoff()
        while True:
            began = time.monotonic()
            try:
                await self._connected()
            except (OSError, InvalidMessage, TimeoutError, ConnectionClosed, Outage) as error:
                log.warning("the socket is away: %s: %s", type(error).__name__, error)
            except ProblemError as error:
                if error.status != 403 or not self._known:
                    raise
                log.error("this agent was suspended; asking again until an operator lets it in")
                self.workshop.lose_all("This agent was suspended.")
            finally:
                self._open = False
            if time.monotonic() - began > STEADY_SECONDS:
                pauses.reset()
            await asyncio.sleep(pauses.next())

    async def _connected(self) -> None:
        try:
            socket = await shake_hands(self.access)
        except InvalidStatus as error:
            raise of_status(error) from error
        except InvalidMessage as error:
            if isinstance(error.__cause__, EOFError):
                raise  # the connection broke off in the handshake
            raise NoSocket("something that is no HTTP/1.1 instead of a socket") from error
        except InvalidHandshake as error:
            raise NoSocket(str(error)) from error
        try:
            self._greet(await hello(socket))
            await first_end(self._read(socket), self._write(socket))
        except ConnectionClosed as error:
            raise of_closing(error) from error
        finally:
            await socket.close()

    def _greet(self, hello: Json) -> None:
        self.outbox.forget()
        self.outbox.frame_bytes_max = int(hello.get("frame_bytes_max", self.outbox.frame_bytes_max))
        self.outbox.unanswered_max = int(hello.get("unanswered_max", self.outbox.unanswered_max))
        self.workshop.learn(float(hello["lease_seconds"]), float(hello["heartbeat_seconds"]))
        self._say_who(hello)
        self._open = self._known = True
        self._meet_again()
        for work in self.workshop.unanswered():
            self.report(work)
        self.refill()

    def _say_who(self, hello: Json) -> None:
        name, role = hello.get("name"), hello.get("role")
        if self._known:
            log.info("connected again as %s (%s)", name, role)
            return
        slots = min(self.workshop.slots, int(hello.get("max_slots", self.workshop.slots)))
        log.info("working as %s (%s), %d slots, types: %s", name, role, slots, self.workshop.types_shown)

    def _meet_again(self) -> None:
        """The works in hand go on with this connection: the server renews their leases, or says which are lost."""
        held = [work for work in self.workshop.works.values() if work.held and work.said is None]
        self._unmet = {work.token for work in held}
        for work in self.workshop.works.values():
            work.note = None
        self.beat(held)

    def _met(self, works: Iterable[Work]) -> None:
        if self._unmet:
            self._unmet.difference_update(work.token for work in works)
            self.refill()

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.outbox:
                await socket.send(self.outbox.frame())

    async def _read(self, socket: ClientConnection) -> None:
        async for raw in socket:
            for frame in frames(raw):
                self._heard(frame)
            if self.outbox:
                self._wake.set()  # answers make room for what waits

    # --- what is heard

    def _heard(self, frame: Json) -> None:
        match frame.get("kind"):
            case "task":
                self.workshop.take(frame)
            case "ack":
                self._acknowledged(frame)
            case "error":
                self._refused(frame)
            case "command":
                self._commanded(frame)
            case _:
                pass  # kinds may be added

    def _acknowledged(self, frame: Json) -> None:
        item = self.outbox.waiting.pop(frame.get("ref"), None)  # type: ignore[arg-type]
        match item:
            case Item(kind="result", about=Work() as work):
                self.workshop.answered(work, str(frame.get("outcome")))
            case Item(about=Beat(works, costs)):
                for said in frame.get("leases") or []:
                    if beaten := works.get(said.get("task")):
                        self.workshop.beaten(beaten, said, costs.get(said.get("task")))
                self._met(works.values())

    def _refused(self, frame: Json) -> None:
        item = self.outbox.waiting.pop(frame.get("ref"), None)  # type: ignore[arg-type]
        code, detail = str(frame.get("code")), str(frame.get("detail"))
        match item:
            case Item(kind="result", about=Work() as work) if passes(code):
                self._besides(self._report_later(work))
            case Item(kind="result", about=Work() as work):
                self.workshop.refused(work, code, detail)
            case Item(kind="progress", about=Work() as work) if code == "stale_lease":
                self.workshop.beaten(work, {"error": {"code": code, "detail": detail}})
            case Item(about=Beat(works)) if passes(code):
                self._besides(self._beat_later(list(works.values())))
            case Item(about=Beat(works, costs)) if costs:
                for task in costs:
                    works[task].meter.refuse(ProblemError(422, frame))
                self.beat([work for work in works.values() if work.held])
            case _:
                log.warning("refused: %s: %s: %s", item.kind if item else "a frame", code, detail)

    def _commanded(self, frame: Json) -> None:
        for work in list(self.workshop.works.values()):
            if work.task.fields["id"] == frame.get("task"):
                self.workshop.command(str(frame.get("name")), work)

    # --- besides

    def _besides(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _report_later(self, work: Work) -> None:
        await asyncio.sleep(AGAIN_SECONDS)
        if work.token in self.workshop.works:
            self.report(work)

    async def _beat_later(self, works: Sequence[Work]) -> None:
        await asyncio.sleep(AGAIN_SECONDS)
        held = [work for work in works if work.held and work.token in self.workshop.works]
        self.beat(held)
        self._met(work for work in works if work not in held)

    async def _report_by_http(self, work: Work) -> None:
        """A result that is too large for a frame."""
        assert work.said is not None
        content = b'{"results":[' + work.said.encode() + b"]}"
        try:
            answer = await self.api.send(Call("POST", "claims/results", content=content, harmless=True))
        except (Away, ProblemError) as error:
            if isinstance(error, ProblemError) and not passes(error.code, error.status):
                self.workshop.refused(work, error.code, error.detail)
                return
            log.warning("%r: not reported yet: %s", work.task, error)
            await self._report_later(work)
        else:
            if settle(self.workshop, work, answer["outcomes"][0]):
                self.let_go(work)
            else:
                await self._report_later(work)


def settle(workshop: Workshop, work: Work, said: Json) -> bool:
    """One outcome of POST /claims/results: {status} or {error}. False when it is to be handed in again."""
    error = said.get("error")
    if not error:
        workshop.answered(work, str(said.get("status")))
    elif passes(str(error.get("code"))):
        log.warning("%r: not reported yet: %s", work.task, error.get("detail"))
        return False
    else:
        workshop.refused(work, str(error.get("code")), str(error.get("detail")))
    return True
