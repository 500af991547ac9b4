"""A loop that stops cleanly: SIGTERM or SIGINT lets the step in hand finish, wakes any wait, and then ends."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

log = structlog.get_logger()


class Stop:
    """Set by a signal or by `now()`; `wait` returns early when it is."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def on_signals(self) -> "Stop":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._caught)
        return self

    def _caught(self, number: int, frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        self._event.set()

    def now(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """True when it is time to stop."""
        return self._event.wait(seconds)

    def __bool__(self) -> bool:
        return self._event.is_set()


def repeat(
    step: Callable[[], bool], *, stop: Stop, idle_seconds: float, backoff_seconds_max: float = 5.0, name: str
) -> None:
    """Call `step` until stopped: at once while it answers True (there was work), after `idle_seconds` otherwise.

    A step that raises is logged and tried again after a growing pause; the loop itself never dies of it.
    """
    failures = 0
    while not stop:
        try:
            worked = step()
            failures = 0
        except Exception:
            failures += 1
            pause = min(backoff_seconds_max, 0.1 * 2**failures)
            log.exception("step_failed", loop=name, failures=failures, pause_seconds=pause)
            stop.wait(pause)
            continue
        if not worked:
            stop.wait(idle_seconds)
