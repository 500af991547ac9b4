"""After a fault nobody asks the index for a while, so that one that is away costs its deadline once, and not each search.

Each process finds out for itself. The pause grows from fault to fault; when it is over one caller tries, and the others
go on doing without until it is back.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from memory.stores.weaviate.wire import IndexAway, UnknownClass, UnknownTenant

log = structlog.get_logger()
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 15.0  # an index that is back is asked again after so long at the latest


class Breaker:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults = 0
        self._until = 0.0
        self._why = ""

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around calls. Raises IndexAway at once during a pause."""
        self._enter()
        try:
            yield
        except (UnknownTenant, UnknownClass):
            self._well()  # it is there, and answers
            raise
        except IndexAway as fault:
            self._fault(str(fault))
            raise
        self._well()

    def forget(self) -> None:
        """The next call is made at once."""
        self._well()

    def _enter(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                raise IndexAway(self._why)
            if self._faults:  # this caller tries for all
                self._until = now + _pause(self._faults)

    def _fault(self, why: str) -> None:
        with self._lock:
            self._faults += 1
            self._until = time.monotonic() + _pause(self._faults)
            self._why = why
            if self._faults == 1:
                log.warning("index_away", error=why)

    def _well(self) -> None:
        with self._lock:
            if self._faults:
                log.info("index_back", faults=self._faults)
            self._faults, self._until = 0, 0.0


def _pause(faults: int) -> float:
    return float(min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2 ** (faults - 1)))


searching = Breaker()  # of searches, whose deadlines are short
pushing = Breaker()  # of the lane: an index may be too slow for the ones, and still take the others
