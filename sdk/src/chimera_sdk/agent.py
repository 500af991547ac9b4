"""An agent: handlers by type of task, and a loop that works until it is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Literal, TypeVar, get_args

from chimera_sdk.access import Access
from chimera_sdk.client import PATIENCE_SECONDS, AsyncClient
from chimera_sdk.errors import ChimeraError
from chimera_sdk.lines import NoSocket
from chimera_sdk.logs import log, show_log
from chimera_sdk.metering import amount_of
from chimera_sdk.polling import PollingLine
from chimera_sdk.sockets import SocketLine
from chimera_sdk.workshop import ANY, Handler, Workshop

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
        self.confidences: dict[str, float] = {}  # by type
        self.reserves: dict[str, Decimal] = {}  # by type
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stops: asyncio.Queue[None] | None = None

    def task(
        self, *types: str, confidence: float | None = None, reserve: str | Decimal | None = None
    ) -> Callable[[H], H]:
        """Work on tasks of these types; without any, on those that no other handler works on.

        The handler is `async def` or plain `def` (which runs in a thread), takes (task, ctx), and returns `ctx.result(…)`,
        a dict or None. An exception is a failed attempt; raise Fatal when there is no point in another. `confidence`, from
        0 to 1, is that of results that say none; a person looks at every result without one. `reserve`, in US dollars, is held
        before the handler begins (see `ctx.cost`), and where the budgets do not permit it, it does not begin; left out, as
        much as the task of this type before it said first.
        """
        if confidence is not None and (isinstance(confidence, bool) or not 0 <= confidence <= 1):
            raise ChimeraError(f"A confidence is a number from 0 to 1, not {confidence!r}.")

        held = None if reserve is None else amount_of(reserve)

        def keep(handler: H) -> H:
            for type in types or (ANY,):
                if type in self.handlers:
                    raise ChimeraError(f"There are two handlers for {type!r}.")
                self.handlers[type] = handler
                if confidence is not None:
                    self.confidences[type] = confidence
                if held:
                    self.reserves[type] = held
            return handler

        return keep

    def run(self, slots: int = 1) -> None:
        """Work on up to `slots` tasks at once until SIGTERM, SIGINT or `stop()`; then drain. From the main thread.

        What happens is written to stderr, unless logging was set up. Raises ChimeraError for what cannot begin, ProblemError
        when the key is no good, SystemExit(1) when tasks had to be left undone.
        """
        show_log()
        try:
            abandoned = asyncio.run(self._run(slots))
        except KeyboardInterrupt:
            return
        except ChimeraError as error:
            refusal = error
        else:
            if abandoned:
                raise SystemExit(1)
            return
        raise refusal.with_traceback(None) from None  # where in here it was says nothing to whoever runs an agent

    async def serve(self, slots: int = 1) -> None:
        """As `run`, inside a loop of yours, and without signals: `stop()` ends it."""
        await self._serve(slots)

    async def _serve(self, slots: int) -> int:
        """How many tasks were left undone."""
        self._check(slots)
        access = Access.of(self.url, self.key)
        self._loop, self._stops = asyncio.get_running_loop(), asyncio.Queue()
        async with AsyncClient(access.url, access.key, patience_seconds=self.patience_seconds) as api:
            workshop = Workshop(self.handlers, self.confidences, self.reserves, api=api, slots=slots)
            try:
                await self._work(workshop, access)
            finally:
                self._loop = self._stops = None
                workshop.abandon("The agent has ended.")
                workshop.close()
        return workshop.abandoned

    def _check(self, slots: int) -> None:
        if not self.handlers:
            raise ChimeraError("This agent has no handlers; decorate one with @agent.task(…).")
        if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
            raise ChimeraError(f"`slots` is how many tasks to work on at once, 1 or more, not {slots!r}.")
        if self.transport not in get_args(Transport):
            raise ChimeraError(f"`transport` is one of {', '.join(get_args(Transport))}, not {self.transport!r}.")

    def stop(self) -> None:
        """Begin to drain; called again, end at once. From any thread."""
        if self._loop and self._stops:
            self._loop.call_soon_threadsafe(self._stops.put_nowait, None)

    async def _run(self, slots: int) -> int:
        with _signals(self.stop):
            return await self._serve(slots)

    async def _work(self, workshop: Workshop, access: Access) -> None:
        assert self._stops is not None
        line = asyncio.create_task(self._connect(workshop, access))
        alive = asyncio.create_task(workshop.keep_alive())
        stop = asyncio.create_task(self._stops.get())
        draining = again = None
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
            tasks = [task for task in (draining, again, alive, stop, line) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
