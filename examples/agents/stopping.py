"""Stopping by SIGTERM or SIGINT: the work in hand ends, a long poll is broken off, and a second Ctrl-C ends at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """Raised inside `Stop.interruptible` when it is time to stop."""


class Stop:
    def __init__(self) -> None:
        self._event = threading.Event()
        self._interruptible = False

    def on_signals(self) -> "Stop":
        """From the main thread, where Python runs signal handlers."""
        signal.signal(signal.SIGTERM, self._caught)
        signal.signal(signal.SIGINT, self._caught)
        return self

    def now(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)

    def __bool__(self) -> bool:
        return self._event.is_set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """For waiting in the main thread. What is answered in that very moment is lost; a lost claim lapses."""
        self._interruptible = True
        try:
            if self:
                raise Interrupted
            yield
        finally:
            self._interruptible = False

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self and number == signal.SIGINT:
            os._exit(130)  # Asked twice: the leases lapse, and the tasks run elsewhere.
        self._event.set()
        if self._interruptible:
            self._interruptible = False
            raise Interrupted
