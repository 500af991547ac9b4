"""A claimed task in hand."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chimera_sdk.encoding import encoded_sorted
from chimera_sdk.errors import Json, StaleLease
from chimera_sdk.metering import Meter

if TYPE_CHECKING:
    from chimera_sdk.outcome import Result


class Task:
    """A task as its handler sees it. `fields` is all that the API shows of it."""

    __slots__ = ("fields",)

    def __init__(self, fields: Json) -> None:
        self.fields = fields

    @property
    def id(self) -> str:
        return str(self.fields["id"])

    @property
    def type(self) -> str:
        return str(self.fields["type"])

    @property
    def session(self) -> str:
        return str(self.fields["session"])

    @property
    def input(self) -> Mapping[str, Any]:
        return self.fields.get("input_payload") or {}

    @property
    def error(self) -> Json | None:
        """Why the attempt before failed or was sent back: {code, message}."""
        return self.fields.get("error")

    def __repr__(self) -> str:
        return f"<Task {self.type} {self.id}>"


class Work:
    """One lease, from its claim until the server has answered its result."""

    __slots__ = (
        "_calls", "_ends_at", "_expires", "attempt", "beating", "lost", "meter", "note", "paused", "pressed", "received", "refused",
        "result", "resume", "running", "said", "task", "token", "under_review",
    )  # fmt: skip

    def __init__(self, claim: Json) -> None:
        self.task = Task(claim["task"])
        self.token: str = claim["lease_token"]
        self.attempt: int = claim.get("attempt") or 1
        self.resume: Json | None = claim.get("resume")
        self.running: asyncio.Task[None] | None = None
        self.lost: StaleLease | None = None  # why nothing that is still done counts
        self.under_review = False  # a person has it: the lease is over, and nothing is to be reported
        self.result: Result | None = None  # once there is one
        self.said: str | None = None  # the same as JSON
        self.refused = False  # a result of this work was refused, and replaced by a failure
        self.note: Json | None = None  # progress that was not sent yet
        self.paused = False
        self.meter = Meter()
        self.pressed = False  # a cost that presses is told in a moment
        self.beating = False  # a heartbeat of its own is under way (HTTP)
        self._calls = 0
        self.received = time.monotonic()
        self._expires: str = claim["lease_expires_at"]
        self._ends_at: float | None = None

    def call_name(self, what: str, body: Json) -> str:
        """An Idempotency-Key for the next call under this lease.

        Whoever works on the same lease again, after a restart, makes the same calls under the same names, and is answered
        as before instead of buying twice. A call that says something else has another name.
        """
        self._calls += 1
        said = hashlib.sha256(encoded_sorted(body).encode()).hexdigest()
        return f"{what}-{self.token}-{self._calls}-{said[:16]}"

    @property
    def held(self) -> bool:
        """Whether its lease is to be kept alive."""
        return self.lost is None and not self.under_review

    def ends_at(self, lease_seconds: float) -> float:
        """When the lease ends unless it is renewed, on our monotonic clock; the server's clock need not agree with ours.

        `lease_seconds` is what leases are given for; this one may be shorter, because its task has a timeout or a deadline.
        """
        if self._ends_at is None:
            self._ends_at = self.received + min(lease_seconds, self.given_seconds() or lease_seconds)
        return self._ends_at

    def renewed(self, expires: str, lease_seconds: float) -> None:
        if expires != self._expires:
            gained = datetime.fromisoformat(expires) - datetime.fromisoformat(self._expires)
            self._ends_at = self.ends_at(lease_seconds) + gained.total_seconds()
            self._expires = expires

    def given_seconds(self) -> float | None:
        """How long the lease was given for, by the server's clock alone."""
        started = self.task.fields.get("started_at")
        if not started:
            return None
        return (datetime.fromisoformat(self._expires) - datetime.fromisoformat(started)).total_seconds()
