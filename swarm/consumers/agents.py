"""The agents' socket (docs/agent-socket.md): tasks are pushed to free slots, results, beats, progress and spends come back.

Nothing that an agent says waits for what another says before it; each item has its own answer. What is to be written
goes through groups (committing.py), so that agents who speak one at a time cost the database what batches cost.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from channels.exceptions import StopConsumer  # type: ignore[import-untyped]
from channels.generic.websocket import AsyncWebsocketConsumer  # type: ignore[import-untyped]
from django.conf import settings

from chimera.kernel.bridge import in_thread
from chimera.kernel.errors import Refused
from chimera.kernel.http import going
from chimera.kernel.http.problem import as_refusal
from swarm.consumers import frames, pushing, working
from swarm.consumers.answering import answer
from swarm.consumers.seat import Seat

log = structlog.get_logger()
TOO_BIG = 1009
NO_TEXT = 1003
BROKEN = 4500
UNANSWERED_MAX = 256  # requests of one socket; no more is read until some are answered
UNANSWERED_BYTES_MAX = 4 * 1024 * 1024
HEARTBEAT_SECONDS = 10


class AgentConsumer(AsyncWebsocketConsumer):
    seat: Seat | None = None

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Channels' own would visit the one thread of all consumers for each message, to tidy connections we do not use."""
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive":
                await self.receive(message.get("text"), message.get("bytes"))
            case "websocket.disconnect":
                await self.disconnect(message.get("code", 1006))
                raise StopConsumer

    async def connect(self) -> None:
        await self.accept()  # a handshake that is refused shows the client no code
        self._tasks: set[asyncio.Task[None]] = set()
        self._pushing: list[asyncio.Task[None]] = []
        self._answered = asyncio.Event()
        self._outbox: list[str] = []
        self._unanswered = self._unanswered_bytes = 0
        self._gone = False
        try:
            worker = await in_thread(working.come_in, self.scope)
        except Exception as fault:
            await self._refuse(fault)
            return
        seat = self.seat = Seat(worker)
        await self.send(text_data=frames.dumps(_hello(seat)))
        self._pushing = [
            self._spawn(self._until_refused(pushing.push(seat, self._say))),
            self._spawn(self._until_refused(pushing.look_after(seat, self._say))),
        ]

    async def disconnect(self, code: int) -> None:
        """Answers that are on their way are not called back: what they write counts, and only nobody hears of it."""
        self._gone = True
        for task in self._pushing:
            task.cancel()
        if self.seat is None:
            return
        if going.away():
            self.seat.leave()  # The agent goes on elsewhere; its leases are its own until they end.
        else:
            pushing.afterwards(pushing.give_back(self.seat))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.seat is None or self._gone:
            return
        self.seat.heard()
        if text_data is None:
            await self._close(NO_TEXT, "Send text frames.")
            return
        size = len(text_data) if text_data.isascii() else len(text_data.encode(errors="surrogatepass"))
        if size > settings.FRAME_BYTES_MAX:
            await self._close(TOO_BIG, f"Send frames of at most {settings.FRAME_BYTES_MAX} bytes.")
            return
        try:
            items = frames.split(text_data)
        except Refused as refusal:
            self._say(_error(None, refusal))
            return
        for item in items:
            self._unanswered += 1
            self._unanswered_bytes += size // len(items)
            self._spawn(self._answer(self.seat, item, size // len(items)))
        await self._caught_up()

    async def _caught_up(self) -> None:
        """Back-pressure: the server stops reading while we stay here (kernel.http.wire)."""
        while self._unanswered > UNANSWERED_MAX or self._unanswered_bytes > UNANSWERED_BYTES_MAX:
            self._answered.clear()
            await self._answered.wait()

    async def _answer(self, seat: Seat, item: Any, size: int) -> None:
        ref = frames.ref_of(item)
        try:
            said = await answer(seat, item)
        except Exception as fault:
            self._say(_error(ref, _refusal(fault), **_named(item)))
        else:
            self._say({"kind": "ack", "ref": ref, **said})
        finally:
            self._unanswered -= 1
            self._unanswered_bytes -= size
            self._answered.set()

    async def _until_refused(self, working: Coroutine[Any, Any, None]) -> None:
        try:
            await working
        except Exception as fault:
            await self._refuse(fault)

    # -------------------------------------------------------------- frames

    def _say(self, frame: dict[str, Any]) -> None:
        """What is said in one turn of the loop goes in one frame."""
        if self._gone:
            return
        self._outbox.append(frames.dumps(frame))
        if len(self._outbox) == 1:
            self._spawn(self._flush())

    async def _flush(self) -> None:
        said, self._outbox = self._outbox, []
        for frame in frames.joined(said, settings.FRAME_BYTES_MAX):
            await self.send(text_data=frame)

    async def _refuse(self, fault: Exception) -> None:
        refusal = _refusal(fault)
        await self._close(BROKEN if refusal.status == 500 else 4000 + refusal.status, refusal.detail)

    async def _close(self, code: int, reason: str) -> None:
        """What comes after this is not heard any more, until the client has gone."""
        self._gone = True
        await self.close(code, reason=reason[:100])

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _hello(seat: Seat) -> dict[str, Any]:
    agent = seat.worker.agent
    return {
        "kind": "hello",
        "agent": str(agent.pk),
        "name": agent.name,
        "role": agent.role,
        "max_slots": agent.max_slots,
        "lease_seconds": int(settings.LEASE.total_seconds()),
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "frame_bytes_max": settings.FRAME_BYTES_MAX,
        "unanswered_max": UNANSWERED_MAX,
    }


def _refusal(fault: Exception) -> Refused:
    refusal = as_refusal(fault)
    if refusal is None:
        log.exception("agent_socket_broke", exc_info=fault)
        return Refused("Something broke on our side; try again.", code="internal", status=500)
    return refusal


def _error(ref: Any, refusal: Refused, **more: Any) -> dict[str, Any]:
    shown = {"kind": "error", "ref": ref, "code": refusal.code, "detail": refusal.detail, **more, **refusal.extra}
    return shown | ({"errors": refusal.errors} if refusal.errors else {})


def _named(item: Any) -> dict[str, str]:
    """What it was about, as far as it said."""
    said = item if isinstance(item, dict) else {}
    return {
        name: said[name]
        for name in ("task", "transaction", "action")
        if isinstance(said.get(name), str) and len(said[name]) <= 80
    }
