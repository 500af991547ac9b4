"""The plain HTTP clients: `Client`, and `AsyncClient` with the same calls to be awaited.

`client.tasks.list(session=…)`, `client.get("budgets/…")`. Rows are dicts as /api/docs/ shows them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from chimera_sdk.access import Access
from chimera_sdk.encoding import encoded, query
from chimera_sdk.errors import ChimeraError, Json
from chimera_sdk.exchange import Call, Met, steps
from chimera_sdk.resources import Resources

PATIENCE_SECONDS = 45.0  # below a lease: whoever has no answer by then has lost the task anyway
TIMEOUT_SECONDS = 30.0
CONNECT_SECONDS = 5.0
CONNECTIONS_MAX = 100


def _options(access: Access) -> dict[str, Any]:
    return {
        "base_url": access.api,
        "headers": access.headers,
        "timeout": httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
        "limits": httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
    }


class Client(Resources[Json, Iterator[Json]]):
    """Thread-safe. Raises ProblemError for refusals, Away when nobody answers within `patience_seconds`."""

    def __init__(
        self, url: str | None = None, key: str | None = None, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        super().__init__()
        self.access, self.patience_seconds = Access.of(url, key), patience_seconds
        self._http = httpx.Client(**_options(self.access))

    def send(self, call: Call) -> Json:
        plan = steps(call, patience_seconds=self.patience_seconds)
        step = next(plan)
        while True:
            try:
                if isinstance(step, float):
                    time.sleep(step)
                    step = plan.send(None)
                else:
                    step = plan.send(self._meet(step))
            except StopIteration as end:
                answer: Json = end.value
                return answer

    def pages(self, path: str, params: Json, *, cursor: str = "cursor") -> Iterator[Json]:
        while True:
            page = self.send(Call("GET", path, params=params))
            yield from page["results"]
            if not more(page):
                return
            params = params | {cursor: page["next"]}

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _meet(self, call: Call) -> Met:
        try:
            return self._http.request(**_request(call))
        except httpx.TransportError as error:
            return error


class AsyncClient(Resources[Awaitable[Json], AsyncIterator[Json]]):
    """As Client; each call is awaited, each list read with `async for`."""

    def __init__(
        self, url: str | None = None, key: str | None = None, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        super().__init__()
        self.access, self.patience_seconds = Access.of(url, key), patience_seconds
        self._http = httpx.AsyncClient(**_options(self.access))

    async def send(self, call: Call) -> Json:
        plan = steps(call, patience_seconds=self.patience_seconds)
        step = next(plan)
        while True:
            try:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    step = plan.send(None)
                else:
                    step = plan.send(await self._meet(step))
            except StopIteration as end:
                answer: Json = end.value
                return answer

    async def pages(self, path: str, params: Json, *, cursor: str = "cursor") -> AsyncIterator[Json]:
        while True:
            page = await self.send(Call("GET", path, params=params))
            for row in page["results"]:
                yield row
            if not more(page):
                return
            params = params | {cursor: page["next"]}

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def _meet(self, call: Call) -> Met:
        try:
            return await self._http.request(**_request(call))
        except httpx.TransportError as error:
            return error


def more(page: Json) -> bool:
    """Whether another page follows: lists end without `next`, a session's events at the present."""
    return bool(page.get("next")) and not page.get("live", False)


def _request(call: Call) -> dict[str, Any]:
    if "://" in call.path:
        raise ChimeraError("A path begins below /api/v1/, such as tasks; the key is for this server alone.")
    sent: dict[str, Any] = {"method": call.method, "url": call.path, "headers": dict(call.headers)}
    if call.params:
        sent["params"] = query(dict(call.params))
    if call.content is not None or call.body is not None:
        sent["content"] = encoded(call.body) if call.content is None else call.content
        sent["headers"]["Content-Type"] = "application/json"
    if call.timeout_seconds is not None:
        sent["timeout"] = httpx.Timeout(call.timeout_seconds, connect=CONNECT_SECONDS)
    return sent
