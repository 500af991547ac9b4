"""Notices that Redis was lost (flushed, replaced) or set back (restarted from an older snapshot), and has it rebuilt.

`chimera:epoch` holds "{run_id of the server}:{random}". Absent: flushed. Another run_id: restarted, so its memory may
be older than what we told it. After every rebuild it gets a new random part, by which the readers of streams see that
entries may have been lost in between, however short the absence was.
"""

import secrets
import time

import structlog

from chimera.kernel import redis
from chimera.kernel.relay.reactions import registry

log = structlog.get_logger()
RUN_ID_SECONDS = 1.0  # the server is asked who it is so often; it cannot change without a restart


class Epoch:
    def __init__(self) -> None:
        self._certified = ""  # the epoch that this server was last found in; empty: whoever answers is asked who it is
        self._asked = 0.0

    def certify(self, client: redis.Client) -> None:
        """Make sure that Redis holds what PostgreSQL says; runs the rebuilds if it may not. Raises FAULTS.

        Looks about once a second. In between each pipeline tells in which epoch it was executed: ask `is_still`.
        """
        if self._certified and time.monotonic() - self._asked < RUN_ID_SECONDS:
            return
        self._certified = ""  # until it is found
        known = str(client.get(redis.EPOCH) or "")
        run_id = str(client.info("server")["run_id"])
        if known.partition(":")[0] != run_id:
            log.warning("redis_lost", known=known, run_id=run_id)
            for rebuild in registry().rebuild:
                rebuild()
            known = f"{run_id}:{secrets.token_hex(4)}"
            client.set(redis.EPOCH, known)
            log.info("redis_rebuilt", run_id=run_id)
        self._certified, self._asked = known, time.monotonic()

    def is_still(self, epoch: str) -> bool:
        """Whether it is the certified one; if not, the next `certify` looks."""
        if epoch != self._certified:
            self._certified = ""
        return bool(self._certified)
