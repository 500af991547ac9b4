"""Calls to Chimera's HTTP API: one bearer key, repeats with a growing pause, refusals as exceptions with their code."""

import logging
import random
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

log = logging.getLogger("agents")

REPEAT = frozenset({429, 500, 502, 503, 504})  # worth another try; everything else is an answer
PAUSE_SECONDS = 0.2  # before the first repeat, doubled each time
PAUSE_SECONDS_MAX = 5.0
PATIENCE_SECONDS = 45.0  # below a lease: whoever cannot report by then has lost the task anyway
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class Refused(Exception):
    """The server answered, and the answer was no."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", f"http_{status}"))
        self.detail = str(body.get("detail", ""))
        self.body = body
        super().__init__(f"{status} {self.code}: {self.detail}")


class LeaseLost(Exception):
    """The task belongs to somebody else by now, or was stopped: whatever we still do for it is void."""


class Away(Exception):
    """No usable answer within the patience: the server is down, overloaded or out of reach."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


class Chimera:
    """Thread-safe. Every POST but a claim carries an Idempotency-Key: a repeat does nothing twice."""

    def __init__(self, url: str, key: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.patience_seconds = patience_seconds
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1/", headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self._call("GET", path, params=params).body

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["results"]
            cursor = page.get("next")
            if not cursor:
                return

    def post(
        self, path: str, body: dict[str, Any], *, once: str | None = None, also: frozenset[int] = frozenset()
    ) -> Answer:
        """`once` names the call across restarts of this process; `also` lists refusals that are wanted as answers."""
        return self._call("POST", path, body=body, headers={"Idempotency-Key": once or str(uuid.uuid4())}, also=also)

    def claim(self, *, most: int, wait_seconds: int, types: Iterable[str]) -> list[dict[str, Any]]:
        """Long poll for work. Not keyed: a claim whose answer was lost lapses with its lease."""
        claims: list[dict[str, Any]] = self._call(
            "POST", "claims", body={"max": most, "wait_seconds": wait_seconds, "types": list(types)}
        ).body["claims"]
        return claims

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        also: frozenset[int] = frozenset(),
    ) -> Answer:
        deadline = time.monotonic() + self.patience_seconds
        for pause in _pauses():
            try:
                response = self._http.request(method, path, json=body, params=params, headers=headers)
            except httpx.TransportError as error:
                reason, wait = f"{type(error).__name__}: {error}", pause
            else:
                if response.status_code not in REPEAT:
                    return _read(response, also)
                reason, wait = f"HTTP {response.status_code}", max(pause, _retry_after(response))
            if time.monotonic() + wait > deadline:
                raise Away(f"{method} {path}: {reason}")
            log.debug("%s %s: %s; again in %.1f s", method, path, reason, wait)
            time.sleep(wait)
        raise AssertionError("unreachable")


def _pauses() -> Iterator[float]:
    pause = PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.7, 1.3)  # so that many agents do not come back at the same moment
        pause = min(PAUSE_SECONDS_MAX, pause * 2)


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), 30.0) if value.isdigit() else 0.0


def _read(response: httpx.Response, also: frozenset[int]) -> Answer:
    try:
        body = response.json()
    except ValueError:
        body = {"detail": response.text[:200]}
    if response.is_success or response.status_code in also:
        return Answer(response.status_code, body)
    if response.status_code == 409 and body.get("code") == "stale_lease":
        raise LeaseLost(body.get("detail", "stale lease"))
    raise Refused(response.status_code, body)
