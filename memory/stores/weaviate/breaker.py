"""After a fault nobody asks the index for a while, so that one that is away costs its deadline once, and not each search.

Each process finds out for itself. What is unknown to an index that answers is no fault, and
whoever is called off meanwhile (a statement's deadline, a signal) has learned nothing of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from memory.breaker import Breaker
from memory.stores.weaviate.wire import IndexAway, UnknownClass, UnknownTenant

log = structlog.get_logger()
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 15.0  # an index that is back is asked again after so long at the latest


class Guard:
    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The next call is made at once."""
        self._breaker = Breaker(faults_max=1, seconds=PAUSE_SECONDS, seconds_max=PAUSE_SECONDS_MAX)
        self._why = ""

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around calls. Raises IndexAway at once during a pause."""
        if not self._breaker.admits():
            raise IndexAway(self._why)
        try:
            yield
        except (UnknownTenant, UnknownClass):
            self._well()
            raise
        except IndexAway as fault:
            self._fault(str(fault))
            raise
        except BaseException:
            self._breaker.left()
            raise
        self._well()

    def _fault(self, why: str) -> None:
        if not self._breaker.is_open:
            log.warning("index_away", error=why)
        self._why = why
        self._breaker.failed()

    def _well(self) -> None:
        if self._breaker.is_open:
            log.info("index_back")
        self._breaker.succeeded()


searching = Guard()  # of searches, whose deadlines are short
pushing = Guard()  # of the lane: an index may be too slow for the ones, and still take the others
