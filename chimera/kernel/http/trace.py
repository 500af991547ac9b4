"""A trace id for every request: the caller's W3C `traceparent`, or a new one; it goes into logs, events and problems."""

import re
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_trace: ContextVar[str] = ContextVar("chimera_trace", default="")
_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")


def current_trace() -> str:
    return _trace.get()


def begin_trace(traceparent: str = "") -> str:
    """Start a trace for this context; answers its id (32 hex digits)."""
    given = _TRACEPARENT.match(traceparent)
    trace = given.group(1) if given else secrets.token_hex(16)
    _trace.set(trace)
    structlog.contextvars.bind_contextvars(trace=trace)
    return trace


class TraceMiddleware:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        trace = begin_trace(request.headers.get("traceparent", ""))
        response = self.get_response(request)
        assert isinstance(response, HttpResponseBase)  # a statement streams
        response["X-Trace-Id"] = trace
        return response

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        trace = begin_trace(request.headers.get("traceparent", ""))
        response = await self.get_response(request)  # type: ignore[misc]
        response["X-Trace-Id"] = trace
        return response  # type: ignore[no-any-return]
