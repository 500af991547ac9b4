"""Lane clock: the periodic steps (lapsed leases, due tasks, progress flush), one relay at a time."""

import time

import structlog

from chimera.kernel import redis
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.reactions import CLOCK, registry

log = structlog.get_logger()


class ClockLane:
    """Runs whatever step is due. A step that raises is logged and due again after its period; the others go on."""

    name = CLOCK

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def step(self) -> Pace:
        for periodic in registry().clock:
            began = time.monotonic()
            if self._due.get(periodic.name, 0.0) > began:
                continue
            try:
                periodic.fn()
            except redis.Away:
                log.warning("clock_step_without_redis", step=periodic.name)
            except Exception:
                log.exception("clock_step_failed", step=periodic.name)
            self._due[periodic.name] = began + periodic.every_seconds
        return Pace.IDLE
