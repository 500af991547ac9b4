"""One call with its repeats, without any I/O: a generator that says what to send and how long to pause.

Every POST that does something carries an Idempotency-Key, so a repeat after a lost answer does nothing twice.
"""

import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from chimera_sdk.backoff import Backoff
from chimera_sdk.errors import Away, Json, problem_of

NOT_DONE = frozenset({429, 503})  # the server says that it changed nothing
LOST = frozenset({502, 504})  # a proxy says that it does not know
RETRY_AFTER_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    content: bytes | None = None  # a body that is JSON already
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float | None = None  # of one try; None: the client's
    patience_seconds: float | None = None  # of all tries; None: the client's
    harmless: bool = False  # doing it twice is doing it once: searches, heartbeats, results (kept once per lease)

    @classmethod
    def post(cls, path: str, body: Any = None, *, once: str | None = None, **more: Any) -> "Call":
        """`once` names the call across restarts of this process; without it the name is random."""
        key = {"Idempotency-Key": once or str(uuid.uuid4())}
        return cls("POST", path, body={} if body is None else body, headers=key, **more)

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows if it was done."""
        return self.harmless or self.method == "GET" or "Idempotency-Key" in self.headers


Met = httpx.Response | httpx.TransportError
Steps = Generator["Call | float", Met | None, Json]


def steps(call: Call, *, patience_seconds: float) -> Steps:
    """Yields the call, or seconds to pause; wants what the call met, or None after a pause. Returns the answer.

    Raises ProblemError for a refusal and Away when the patience is over.
    """
    patience = patience_seconds if call.patience_seconds is None else call.patience_seconds
    deadline, pauses = time.monotonic() + patience, Backoff(most_seconds=5.0)
    while True:
        met = yield call
        assert met is not None
        if isinstance(met, httpx.Response) and not _again(met.status_code, call):
            return _read(met)
        if isinstance(met, httpx.TransportError) and not (call.repeatable or isinstance(met, httpx.ConnectError)):
            raise Away(f"{call.method} {call.path}: {_said(met)}; nobody knows whether it was done") from met
        pause = max(pauses.next(), _retry_after(met))
        if time.monotonic() + pause > deadline:
            raise Away(f"{call.method} {call.path}: {_said(met)}")
        yield pause


def _again(status: int, call: Call) -> bool:
    return status in NOT_DONE or (status in LOST and call.repeatable)


def _read(response: httpx.Response) -> Json:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = {"detail": response.text[:200]}
    if not isinstance(body, dict):
        body = {"detail": str(body)[:200]}
    if not response.is_success:
        raise problem_of(response.status_code, body)
    return body


def _retry_after(met: Met) -> float:
    """Seconds, as a number or as a date."""
    value = met.headers.get("Retry-After", "").strip() if isinstance(met, httpx.Response) else ""
    if value.isdigit():
        return min(float(value), RETRY_AFTER_SECONDS_MAX)
    try:
        seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def _said(met: Met) -> str:
    return f"HTTP {met.status_code}" if isinstance(met, httpx.Response) else f"{type(met).__name__}: {met}"
