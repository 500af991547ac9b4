"""Calls to Chimera's API with a personal token; repeats while the server is busy or out of reach, within a patience."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS_MAX = 2.0
BUSY = frozenset({429, 500, 502, 503, 504})


class CallFailed(Exception):
    """A call was refused, or the server was out of reach for longer than the patience. The text says what to do."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        self.status = status
        super().__init__(sentence)


class Calls:
    def __init__(self, base_url: str, token: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.base_url = base_url.rstrip("/")
        self.patience_seconds = patience_seconds
        self._http = httpx.Client(
            base_url=f"{self.base_url}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30, connect=5),
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self._call("GET", path, params={k: v for k, v in params.items() if v is not None})

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self._call("POST", path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    def rows(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list."""
        cursor = None
        while True:
            page = self.get(path, **params, limit=100, cursor=cursor)
            yield from page["results"]
            cursor = page.get("next")
            if not cursor:
                return

    def _call(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        deadline, pause = time.monotonic() + self.patience_seconds, 0.2
        while True:
            try:
                response = self._http.request(method, path, **how)
            except httpx.TransportError as error:
                trouble = f"{self.base_url} cannot be reached ({type(error).__name__}); is `make up` running?"
            else:
                if response.status_code not in BUSY:
                    return self._read(response, f"{method} /api/v1/{path}")
                trouble = f"{method} /api/v1/{path} answers {response.status_code}: {response.text[:200]}"
            if time.monotonic() + pause > deadline:
                raise CallFailed(trouble)
            time.sleep(pause)
            pause = min(PAUSE_SECONDS_MAX, pause * 2)

    def _read(self, response: httpx.Response, call: str) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError:
            raise CallFailed(f"{call} answers no JSON; is {self.base_url} Chimera?", response.status_code) from None
        if response.is_success and isinstance(body, dict):
            return body
        detail = body.get("detail", response.text[:200]) if isinstance(body, dict) else response.text[:200]
        raise CallFailed(f"{call}: {response.status_code} {detail}", response.status_code)
