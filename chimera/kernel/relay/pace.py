"""How soon a lane looks again, and what may wake it earlier."""

import threading
import time
from collections.abc import Callable
from enum import Enum

import structlog

from chimera.kernel import redis
from chimera.kernel.loop import Stop

log = structlog.get_logger()
IDLE_SECONDS = 0.5  # polling is only the fallback: a nudge wakes a lane at once
SOON_SECONDS = 0.01  # what nobody is kept waiting by is looked at together, while there is other work
WITHHELD_SECONDS_MIN = 0.002  # rows wait for a running writer, which commits in milliseconds
WITHHELD_SECONDS = 0.02  # unless a nudge tells that somebody did
WITHHELD_LONG_SECONDS = 0.2  # one that does not commit for long is looked after less often
SLOW_REST_SECONDS = 0.05  # of lanes that do late work: what comes in between, they see together
WITHHELD_PATIENCE_SECONDS = 2.0
LISTEN_SECONDS = 0.5  # how long one wait for a nudge may hold up the stop


class Pace(Enum):
    MORE = "more"
    DONE = "done"  # there was work, and no more of it when it was done
    TOLD = "told"  # the same, and the lane told facts itself, for which nobody will nudge
    WITHHELD = "withheld"
    IDLE = "idle"


class Waiter:
    """One lane's wait between steps. A lane that nobody waits for rests: it looks at most every so many seconds."""

    def __init__(self, *, rest_seconds: float = 0.0) -> None:
        self._rest_seconds = rest_seconds
        self._began = 0.0
        self._woken = threading.Event()
        self._at_once = threading.Event()
        self._withheld_since: float | None = None

    def wake(self, *, soon: bool = False) -> None:
        """At once; or `soon`, which is at once too for a lane that did nothing lately."""
        if not soon:
            self._at_once.set()
        self._woken.set()

    def wait(self, pace: Pace) -> None:
        """Return when it is time for the next step, or somebody called `wake`."""
        match pace:
            case Pace.MORE:
                self._withheld_since = None
            case Pace.WITHHELD:
                self._await_writer()
            case Pace.TOLD:
                self._withheld_since = None
                self._gather()
            case Pace.IDLE | Pace.DONE:
                self._withheld_since = None
                self._woken.wait(IDLE_SECONDS)
                self._gather()
                time.sleep(self._left(self._rest_seconds))
        self._woken.clear()
        self._at_once.clear()
        self._began = time.monotonic()

    def _gather(self) -> None:
        """Since the last step began, unless something cannot wait."""
        if left := self._left(SOON_SECONDS):
            self._at_once.wait(left)

    def _left(self, seconds: float) -> float:
        return max(0.0, self._began + seconds - time.monotonic())

    def _await_writer(self) -> None:
        """Its commit may come with a nudge, or without."""
        since = self._withheld_since = self._withheld_since or time.monotonic()
        time.sleep(self._rest_seconds)
        if self._at_once.wait(WITHHELD_SECONDS_MIN):
            return
        long = time.monotonic() - since > WITHHELD_PATIENCE_SECONDS
        self._woken.wait(WITHHELD_LONG_SECONDS if long else WITHHELD_SECONDS)
        self._gather()


class Nudges(threading.Thread):
    """Listens to NUDGE_CHANNEL and passes it on, with whether it is for `soon`. While Redis is away the lanes poll."""

    def __init__(self, nudged: Callable[[bool], None], stop: Stop) -> None:
        super().__init__(name="relay-nudges", daemon=True)
        self._nudged, self._stop_signal = nudged, stop

    def run(self) -> None:
        while not self._stop_signal:
            try:
                self._listen()
            except redis.FAULTS as error:
                log.debug("nudges_away", error=str(error))
                self._stop_signal.wait(IDLE_SECONDS)

    def _listen(self) -> None:
        with redis.client().pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(redis.NUDGE_CHANNEL)
            while not self._stop_signal:
                if message := channel.get_message(timeout=LISTEN_SECONDS):
                    self._nudged(message["data"] == redis.NUDGE_SOON)
