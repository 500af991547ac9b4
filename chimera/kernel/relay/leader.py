"""Leadership of a lane: a session-level advisory lock on a direct connection, so that a second relay waits in standby.

When the leader dies its connection ends, and the lock is free at once. The lock only avoids double work; what keeps two
relays from both recording progress is the compare-and-set of the cursor.
"""

import hashlib
import time
from typing import Any

import psycopg
import structlog

from chimera.kernel.relay import direct

log = structlog.get_logger()
CHECK_SECONDS = 1.0  # how long we may believe in a lock whose connection is gone
STANDBY_SECONDS = 0.2  # how often a standby asks; asking holds no snapshot, waiting in the lock would hold back VACUUM


class Leadership:
    """At most one process of the whole installation holds the leadership of a lane."""

    def __init__(self, lane: str) -> None:
        self.lane = lane
        self.key = _key(lane)
        self._connection: psycopg.Connection[Any] | None = None
        self._held = False
        self._checked = 0.0

    def take(self) -> bool:
        """True when we lead, already or from now on. Never waits for another leader."""
        if self._held and self._still():
            return True
        was, self._held = self._held, False
        if was:
            log.warning("leadership_lost", lane=self.lane)
        if self._connection is None:
            self._connection = direct.connect(f"chimera-relay-{self.lane}", options=direct.KEPT_ALIVE)
        row = self._ask("SELECT pg_try_advisory_lock(%s)", [self.key])
        self._held, self._checked = bool(row and row[0]), time.monotonic()
        if self._held:
            log.info("leading", lane=self.lane)
        return self._held

    def release(self) -> None:
        self._held = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _still(self) -> bool:
        if time.monotonic() - self._checked < CHECK_SECONDS:
            return True
        self._checked = time.monotonic()
        try:
            return self._ask("SELECT 1", []) is not None
        except psycopg.Error:
            return False

    def _ask(self, sql: str, params: list[Any]) -> tuple[Any, ...] | None:
        assert self._connection is not None
        try:
            return self._connection.execute(sql, params).fetchone()
        except psycopg.Error:
            self.release()
            raise


def _key(lane: str) -> int:
    """A signed 64-bit key of our own, so that no other program's advisory lock meets it by accident."""
    return int.from_bytes(hashlib.sha256(f"chimera:lane:{lane}".encode()).digest()[:8], "big", signed=True)
