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
        self._run_id = ""
        self._asked = 0.0

    def certify(self, client: redis.Client) -> None:
        """Make sure that Redis holds what PostgreSQL says; runs the rebuilds if it may not. Raises FAULTS."""
        try:
            known = str(client.get(redis.EPOCH) or "")
            run_id = self._server(client)
        except redis.FAULTS:
            self._run_id = ""  # after a fault, whoever answers next is asked who it is
            raise
        if known.partition(":")[0] == run_id:
            return
        log.warning("redis_lost", known=known, run_id=run_id)
        for rebuild in registry().rebuild:
            rebuild()
        client.set(redis.EPOCH, f"{run_id}:{secrets.token_hex(4)}")
        log.info("redis_rebuilt", run_id=run_id)

    def _server(self, client: redis.Client) -> str:
        if not self._run_id or time.monotonic() - self._asked >= RUN_ID_SECONDS:
            self._run_id = str(client.info("server")["run_id"])
            self._asked = time.monotonic()
        return self._run_id
