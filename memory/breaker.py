"""Whoever does not answer is not asked for a while, so that a dead neighbour costs its callers nothing."""

import time
from threading import Lock


class Breaker:
    """Counts faults in a row, in this process. Closed: everybody asks. Open: nobody does, until `seconds` have passed,
    twice as long each time up to `seconds_max`; then one caller may try, and the rest wait for what comes of it.

    Who asked before it opened and fails after that tells nothing new: many who wait at once make the pause no longer.
    """

    def __init__(self, *, faults_max: int = 3, seconds: float = 5.0, seconds_max: float = 60.0) -> None:
        self._faults_max, self._seconds, self._seconds_max = faults_max, seconds, seconds_max
        self._lock = Lock()
        self._faults = 0
        self._opened = 0  # times in a row
        self._until = 0.0
        self._trying: float | None = None  # when the one that may try began

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked now; says nothing of who may try next."""
        return self._until > 0.0

    def admits(self) -> bool:
        """Whether to ask. While it is open, true for one caller in its time, who must say how it went."""
        with self._lock:
            now = time.monotonic()
            if self._until == 0.0:
                return True
            if now < self._until or (self._trying is not None and now < self._trying + self._seconds_max):
                return False
            self._trying = now
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._faults = self._opened = 0
            self._until, self._trying = 0.0, None

    def left(self) -> None:
        """Whoever asked went away without an answer, for a reason of their own; the next one may try in their place."""
        with self._lock:
            self._trying = None

    def failed(self, *, retry_seconds: float | None = None) -> None:
        """`retry_seconds`: the neighbour itself said how long, and is taken at its word at once, up to `seconds_max`."""
        with self._lock:
            now = time.monotonic()
            self._faults += 1
            late = self._trying is None and self._until > 0.0
            self._trying = None
            if late:
                self._until = max(self._until, now + min(retry_seconds or 0.0, self._seconds_max))
                return
            if retry_seconds is None and self._faults < self._faults_max and self._until == 0.0:
                return
            grown = self._seconds * 2.0**self._opened
            self._opened = min(self._opened + 1, 10)
            self._until = now + min(max(grown, retry_seconds or 0.0), self._seconds_max)
