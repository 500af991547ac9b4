"""A claimed task in hand, and the pulse that keeps its lease alive while a handler works."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from examples.agents.connection import Away, Chimera, LeaseLost, Refused

log = logging.getLogger("agents")

BEAT_SECONDS = 10.0  # three beats before the server calls an agent silent


@dataclass
class Lease:
    """One claim as the server gave it. `progress` is what the next beat tells."""

    task: dict[str, Any]
    token: str
    attempt: int = 1
    resume: dict[str, Any] | None = None
    progress: dict[str, Any] | None = None
    lost: threading.Event = field(default_factory=threading.Event)
    over: bool = False  # we gave it back ourselves: a beat that crosses the result finds no lease, and that is no loss

    @classmethod
    def of(cls, claim: dict[str, Any]) -> "Lease":
        return cls(claim["task"], claim["lease_token"], int(claim.get("attempt") or 1), claim.get("resume"))

    @property
    def task_id(self) -> str:
        return str(self.task["id"])

    @property
    def session(self) -> str:
        return str(self.task["session"])

    @property
    def payload(self) -> dict[str, Any]:
        return self.task.get("input_payload") or {}

    def report(self, phase: str, percentage: int, message: str) -> None:
        """Tell how far we are, with the next beat; raises LeaseLost when there is no point in going on."""
        self.progress = {"phase": phase, "percentage": percentage, "message": message}
        self.check()

    def check(self) -> None:
        if self.lost.is_set():
            raise LeaseLost(f"the lease of {self.task_id} is gone")


class Pulse:
    """Beats for every lease in hand, from one thread."""

    def __init__(self, api: Chimera, *, beat_seconds: float = BEAT_SECONDS) -> None:
        self.api, self.beat_seconds = api, beat_seconds
        self._leases: dict[str, Lease] = {}
        self._guard = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(timeout=5)

    @contextmanager
    def watching(self, lease: Lease) -> Iterator[None]:
        with self._guard:
            self._leases[lease.token] = lease
        try:
            yield
        finally:
            with self._guard:
                self._leases.pop(lease.token, None)

    def _run(self) -> None:
        while not self._end.wait(self.beat_seconds):
            with self._guard:
                leases = list(self._leases.values())
            for lease in leases:
                self._beat(lease)

    def _beat(self, lease: Lease) -> None:
        body = {"lease_token": lease.token} | ({"progress": lease.progress} if lease.progress else {})
        try:
            answer = self.api.post(f"tasks/{lease.task_id}/heartbeat", body).body
        except (LeaseLost, Refused) as error:
            if not lease.over:
                log.warning("task %s: %s", lease.task_id, error)
            lease.lost.set()
        except Away as error:
            log.warning("no heartbeat for %s: %s", lease.task_id, error)  # The lease decides, not we.
        else:
            if "stop" in map(_name, answer.get("commands") or []):
                lease.lost.set()


def _name(command: Any) -> str:
    return str(command.get("name", "")) if isinstance(command, dict) else str(command)
