"""Viewers for tests: each collects what it is shown, and the test waits until it has seen enough."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from asgiref.sync import async_to_sync

from chimera.kernel import redis
from chimera.kernel.bridge import in_thread
from chimera.kernel.eventlog import START, Position
from chimera.kernel.stream import history
from chimera.kernel.stream.follow import Following
from tests.kernel.log import TENANT, log, note


class Watch:
    """A viewer in the background of the running loop. `slow` makes it take that long for each frame."""

    def __init__(
        self, session: UUID, after: Position = START, *, tenant: UUID = TENANT, gate: asyncio.Event | None = None
    ) -> None:
        self.following = Following(tenant_id=tenant, session_id=session, after=after)
        self.frames: list[dict[str, Any]] = []
        self._gate = gate
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._collect())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _collect(self) -> None:
        async with aclosing(self.following.frames()) as frames:
            async for frame in frames:
                self.frames.append(json.loads(frame.body))
                if self._gate:
                    await self._gate.wait()

    @property
    def positions(self) -> list[str]:
        return [frame["position"] for frame in self.frames if frame["kind"] == "event"]

    @property
    def texts(self) -> list[str]:
        return [frame["payload"]["text"] for frame in self.frames if frame["kind"] == "event"]

    @property
    def kinds(self) -> list[str]:
        return [frame["kind"] for frame in self.frames]

    @property
    def is_live(self) -> bool:
        return "live" in self.kinds

    async def sees(self, number: int, seconds: float = 20) -> Self:
        await until(lambda: len(self.positions) >= number, seconds, lambda: f"{len(self.positions)} of {number} events")
        return self

    async def live(self) -> Self:
        await until(lambda: self.is_live, 10, lambda: f"not live after {self.kinds[-3:]}")
        return self


async def until(ask: Callable[[], Any], seconds: float = 10, describe: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, f"still waiting after {seconds} s: {describe()}"
        await asyncio.sleep(0.01)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, from a synchronous test."""
    async_to_sync(main)()


async def write(*told: str, session: UUID) -> None:
    await in_thread(note, *told, session=session)
    await in_thread(redis.nudge)


def positions(session: UUID) -> list[str]:
    return [str(event.position) for event in log() if event.session_id == session]


def reads() -> float:
    """How often PostgreSQL was read for viewers, so far."""
    return float(history.READS._value.get())
