"""Leadership of a lane: a session-level advisory lock on a direct connection, so that a second relay waits in standby.

When the leader dies its connection ends, and the lock is free at once. The lock only avoids double work; what keeps two
relays from both recording progress is the compare-and-set of the cursor.
"""

import hashlib
import time
from typing import Any

import psycopg
import structlog
from django.conf import settings

log = structlog.get_logger()
CHECK_SECONDS = 1.0  # how long we may believe in a lock whose connection is gone
STANDBY_SECONDS = 0.2  # how often a standby asks; asking holds no snapshot, waiting in the lock would hold back VACUUM
# The lock is to outlive no machine that fell silent, and no timeout may end a leader who has nothing to do.
_OPTIONS = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    " -c idle_session_timeout=0 -c statement_timeout=5000 -c lock_timeout=0"
)


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
            self._connection = _connect(f"chimera-relay-{self.lane}")
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


def _connect(application_name: str) -> psycopg.Connection[Any]:
    database = settings.DATABASES["default"]
    found = psycopg.connect(
        host=database.get("HOST") or None,
        port=database.get("PORT") or None,
        dbname=database["NAME"],
        user=database.get("USER") or None,
        password=database.get("PASSWORD") or None,
        application_name=application_name,
        options=_OPTIONS,
        connect_timeout=3,
        autocommit=True,
        prepare_threshold=None,
        **_transport(database.get("OPTIONS", {})),
    )
    return found


def _transport(options: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in options.items() if name.startswith(("ssl", "target_session", "channel_binding"))
    }
