"""An agent: handlers by type of task, and a loop that works until it is told to stop."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

from chimera_sdk.access import Access
from chimera_sdk.client import PATIENCE_SECONDS, AsyncClient
from chimera_sdk.errors import ChimeraError
from chimera_sdk.lines import NoSocket
from chimera_sdk.polling import PollingLine
from chimera_sdk.sockets import SocketLine
from chimera_sdk.workshop import ANY, Handler, Workshop

log = logging.getLogger("chimera_sdk")

H = TypeVar("H", bound=Handler)
Transport = Literal["auto", "socket", "http"]
SOCKET_AGAIN_SECONDS = 300.0  # with "auto", HTTP is left for another try of the socket
REPORT_SECONDS = 5.0  # at the end, for results to be acknowledged


class Agent:
    """`url` and `key` default to CHIMERA_URL and CHIMERA_KEY, read when it runs.

    `transport`: "socket", "http", or "auto": the socket, and HTTP where a proxy knows none. `drain_seconds` is how long
    running handlers may go on after SIGTERM or SIGINT; a second signal ends them at once.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        transport: Transport = "auto",
        drain_seconds: float = 30.0,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.url, self.key, self.transport = url, key, transport
        self.drain_seconds, self.patience_seconds = drain_seconds, patience_seconds
        self.handlers: dict[str, Handler] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stops: asyncio.Queue[None] | None = None

    def task(self, *types: str) -> Callable[[H], H]:
        """Work on tasks of these types; without any, on those that no other handler works on.

        The handler is `async def` or plain `def` (which runs in a thread), takes (task, ctx), and returns `ctx.result(…)`,
        a dict or None. An exception is a failed attempt; raise Fatal when there is no point in another.
        """

        def keep(handler: H) -> H:
            for type in types or (ANY,):
                if type in self.handlers:
                    raise ChimeraError(f"There are two handlers for {type!r}.")
                self.handlers[type] = handler
            return handler

        return keep

    def run(self, slots: int = 1) -> None:
        """Work on up to `slots` tasks at once until SIGTERM, SIGINT or `stop()`; then drain. From the main thread.

        Raises ProblemError when the key is no good.
        """
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._run(slots))

    async def serve(self, slots: int = 1) -> None:
        """As `run`, inside a loop of yours, and without signals: `stop()` ends it."""
        if not self.handlers:
            raise ChimeraError("This agent has no handlers; decorate one with @agent.task(…).")
        access = Access.of(self.url, self.key)
        self._loop, self._stops = asyncio.get_running_loop(), asyncio.Queue()
        async with AsyncClient(access.url, access.key, patience_seconds=self.patience_seconds) as api:
            workshop = Workshop(self.handlers, api=api, slots=slots)
            try:
                await self._work(workshop, access)
            finally:
                self._loop = self._stops = None
                workshop.lose_all("The agent has ended.")
                workshop.close()

    def stop(self) -> None:
        """Begin to drain; called again, end at once. From any thread."""
        if self._loop and self._stops:
            self._loop.call_soon_threadsafe(self._stops.put_nowait, None)

    async def _run(self, slots: int) -> None:
        with _signals(self.stop):
            await self.serve(slots)

    async def _work(self, workshop: Workshop, access: Access) -> None:
        assert self._stops is not None
        line = asyncio.create_task(self._connect(workshop, access))
        alive = asyncio.create_task(workshop.keep_alive())
        stop = asyncio.create_task(self._stops.get())
        draining = None
        try:
            await asyncio.wait([line, stop], return_when=asyncio.FIRST_COMPLETED)
            if line.done():
                return line.result()
            draining = asyncio.create_task(
                workshop.drain(work_seconds=self.drain_seconds, report_seconds=REPORT_SECONDS)
            )
            again = asyncio.create_task(self._stops.get())
            await asyncio.wait([draining, again, line], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (draining, alive, stop, line):
                if task is not None:
                    task.cancel()
            await asyncio.gather(line, return_exceptions=True)

    async def _connect(self, workshop: Workshop, access: Access) -> None:
        """By the line that was asked for; the works in hand survive a change of lines."""
        while True:
            if self.transport != "http":
                workshop.line = SocketLine(workshop, access, workshop.api)
                try:
                    await workshop.line.serve()
                except NoSocket as error:
                    if self.transport == "socket":
                        raise
                    log.warning("%s; going on by HTTP", error)
            workshop.line = PollingLine(workshop, workshop.api)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if self.transport == "http" else SOCKET_AGAIN_SECONDS):
                    await workshop.line.serve()


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop, caught = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
    try:
        for number in caught:
            loop.add_signal_handler(number, stop)
    except NotImplementedError:  # Windows: Ctrl-C ends without draining
        yield
        return
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
