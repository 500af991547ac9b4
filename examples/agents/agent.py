"""The loop of an agent: ask for work by long poll, work on up to `slots` tasks at once, report, and stop cleanly."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from examples.agents.connection import Away, Chimera, LeaseLost, Refused
from examples.agents.lease import Lease, Pulse
from examples.agents.outcome import failed
from examples.agents.stopping import Interrupted, Stop

log = logging.getLogger("agents")

WAIT_SECONDS = 20  # of one long poll; a stop breaks it off
REFUSED_PAUSE_SECONDS = 2.0  # a paused agent is refused claims until somebody resumes it

Outcome = dict[str, Any]
Handler = Callable[[Lease, Chimera], Outcome | None]
"""Works on one claimed task. None: nothing to report, the server holds the task for a human."""


class Agent:
    def __init__(self, api: Chimera, handlers: dict[str, Handler], *, slots: int, stop: Stop) -> None:
        self.api, self.handlers, self.slots, self.stop = api, handlers, slots, stop
        self.pulse = Pulse(api)
        self._free = slots
        self._change = threading.Condition()

    def run(self) -> None:
        """Returns once `stop` is set and the work in hand is reported. Raises Refused when the key is no good."""
        self.pulse.start()
        try:
            with ThreadPoolExecutor(self.slots, thread_name_prefix="task") as pool:
                while not self.stop:
                    for lease in self._claim():
                        self._take(1)
                        pool.submit(self._work, lease)
        finally:
            self.pulse.stop()

    def _claim(self) -> list[Lease]:
        with self._change:
            self._change.wait_for(lambda: self._free > 0, timeout=0.5)
            free = self._free
        if not free:
            return []
        try:
            with self.stop.interruptible():
                claims = self.api.claim(most=free, wait_seconds=WAIT_SECONDS, types=self.handlers)
        except Interrupted:
            return []
        except Away as error:
            log.warning("no work: %s", error)
            return []
        except Refused as error:
            if error.status in {401, 404, 422}:
                raise
            log.warning("no work: %s", error)
            self.stop.wait(REFUSED_PAUSE_SECONDS)
            return []
        return [Lease.of(claim) for claim in claims]

    def _take(self, count: int) -> None:
        with self._change:
            self._free -= count
            self._change.notify_all()

    def _work(self, lease: Lease) -> None:
        started = time.monotonic()
        kind = lease.task["type"]
        try:
            with self.pulse.watching(lease):
                outcome = self._handled(lease)
                ended = self._report(lease, outcome) if outcome else "waits for a human"
            log.info("%s %s: %s in %.1f s", kind, lease.task_id, ended, time.monotonic() - started)
        except (LeaseLost, Refused, Away) as error:
            # The lease lapses, and the task runs elsewhere.
            log.warning("%s %s: not reported: %s", kind, lease.task_id, error)
        except Exception:
            log.exception("%s %s: not reported", kind, lease.task_id)
        finally:
            self._take(-1)

    def _handled(self, lease: Lease) -> Outcome | None:
        """The handler's outcome; what went wrong on the way becomes an honest failure."""
        handler = self.handlers.get(lease.task["type"])
        if handler is None:
            known = ", ".join(sorted(self.handlers))
            return failed("unknown_task_type", f"This agent works on: {known}.", retryable=True)
        try:
            return handler(lease, self.api)
        except LeaseLost:
            raise
        except Refused as error:
            return failed(error.code, error.detail or str(error), retryable=error.status in {409, 429})
        except Away as error:
            return failed("chimera_away", str(error), retryable=True)
        except Exception as error:
            log.exception("%s %s failed", lease.task["type"], lease.task_id)
            return failed("agent_error", f"{type(error).__name__}: {error}", retryable=True)

    def _report(self, lease: Lease, outcome: Outcome) -> str:
        body = {"lease_token": lease.token} | outcome
        lease.over = True
        answer = self.api.post(f"tasks/{lease.task_id}/result", body, once=f"result-{lease.task_id}-{lease.token}")
        return str(answer.body.get("outcome", "reported"))
