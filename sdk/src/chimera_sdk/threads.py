"""Daemon threads for plain `def` handlers. Unlike an executor's they never hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
Job = Callable[[], None]


class Threads:
    """A thread for each job that is under way at once; kept for the next job."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._guard = threading.Lock()
        self._free = 0

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns or raises. If the waiting is cancelled the thread goes on, and nobody hears of its end."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                answer = call()
            except BaseException as exc:
                _tell(loop, future, exc=exc)
            else:
                _tell(loop, future, answer=answer)

        self._submit(job)
        return await future

    def _submit(self, job: Job) -> None:
        with self._guard:
            self._free -= 1
            begin = self._free < 0
            if begin:
                self._free = 0
        if begin:
            threading.Thread(target=self._work, args=(job,), name="chimera-task", daemon=True).start()
        else:
            self._jobs.put(job)

    def _work(self, job: Job) -> None:
        while True:
            job()
            with self._guard:
                self._free += 1
            job = self._jobs.get()


def _tell(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[T]",
    *,
    answer: T | None = None,
    exc: BaseException | None = None,
) -> None:
    def settle() -> None:
        if future.cancelled():
            return
        if exc is None:
            future.set_result(answer)  # type: ignore[arg-type]
        else:
            # A future cannot hold StopIteration, and SystemExit would end the loop of all others.
            future.set_exception(
                exc if isinstance(exc, Exception) and not isinstance(exc, StopIteration) else Ended(exc)
            )

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


class Ended(Exception):
    """A handler's thread was ended by something that is no ordinary exception, such as sys.exit()."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause
        super().__init__(f"{type(cause).__name__}: {cause}")
