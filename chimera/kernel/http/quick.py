"""Calls that agents make all the time, answered in front of Django, without its middleware and without a thread for each.

A quick way answers what passes, as the door behind it would (docs/adr/0074-quick-ways.md). Whatever else there is, such as
a header that it does not know, a refusal or a fault, it leaves to the door, which answers as if it had been asked first.
So a quick way may give up at any moment before its answer: what it wrote by then must bear being repeated.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from rest_framework.renderers import JSONRenderer

from chimera.kernel.errors import Refused
from chimera.kernel.http import callers, problem
from chimera.kernel.http.address import is_secure
from chimera.kernel.http.csp import STRICT
from chimera.kernel.http.permissions import check
from chimera.kernel.http.trace import begin_trace, current_trace
from chimera.kernel.identity import Principal, Role

log = structlog.get_logger()
BYTES_MAX = 64 * 1024  # a larger body would keep the loop, and all others, while it is parsed
NEEDED = {b"authorization", b"content-type", b"content-length", b"host"}
# Whoever sends one of these has something in mind of which only the door knows.
LEFT_TO_THE_DOOR = {b"traceparent", b"cookie", b"transfer-encoding", b"expect", b"content-encoding"}
KEY = b"idempotency-key"
ACCEPTED = {None, b"*/*", b"application/json"}
_HEADERS = [
    (b"x-frame-options", settings.X_FRAME_OPTIONS.encode()),
    (b"content-security-policy", STRICT.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
    (b"cross-origin-opener-policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY.encode()),
]
_renderer = JSONRenderer()

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
T = TypeVar("T")


class Leave(Exception):
    """The door is to answer this one."""


class Gone(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class QuickCall:
    """An allowed caller's call. `named` is what the path names, `key` its Idempotency-Key, where the way wants one."""

    principal: Principal
    secret: str
    path: str
    named: dict[str, str]
    key: str
    body: bytes
    _receive: Receive

    async def unless_gone(self, waiting: Coroutine[Any, Any, T]) -> T:
        """The same, for as long as the client is there; raises Gone when it is not."""
        working, leaving = asyncio.ensure_future(waiting), asyncio.ensure_future(_left(self._receive))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Gone
            return working.result()
        finally:
            working.cancel()
            leaving.cancel()


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, where it is not always what the way's `status` says."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


def refused(refusal: Refused) -> Reply:
    """In the door's words, where it would not know more."""
    headers = tuple((name.lower().encode(), value.encode()) for name, value in refusal.headers.items())
    return Reply(refusal.status, _renderer.render(problem.body(refusal)), problem.CONTENT_TYPE, headers)


@dataclass(frozen=True, slots=True)
class Way:
    """POST to what matches `path`, by a caller with one of these roles. The answer is what the door's `status` says; bytes
    are JSON already.

    Calls that are done twice if they are repeated are `keyed`: those without an Idempotency-Key are left to the door. A way
    that is not keyed leaves those with one; one for which that is None takes both, and itself sees to it that what has no key
    is not left any more once it may have been done.
    """

    path: re.Pattern[str]
    allow: frozenset[Role]
    answer: Callable[[QuickCall], Awaitable[Any]]
    status: int = 200
    keyed: bool | None = False


class QuickInFront:
    def __init__(self, application: Application, ways: Sequence[Way]) -> None:
        self._application, self._ways = application, ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._way(scope)
        if found is None:
            await self._application(scope, receive, send)
            return
        way, named = found
        read: list[Message] = []
        try:
            said = await self._said(way, named, scope, receive, read)
        except Gone:
            return
        except Leave:
            await self._application(scope, _again(read, receive), send)
            return
        await _send(scope, send, said)

    def _way(self, scope: Scope) -> tuple[Way, dict[str, str]] | None:
        if (
            scope["method"] != "POST"
            or scope["query_string"]
            or (settings.SECURE_SSL_REDIRECT and not is_secure(scope))
        ):
            return None
        for way in self._ways:
            if match := way.path.fullmatch(scope["path"]):
                return (way, match.groupdict()) if _is_plain(scope["headers"], keyed=way.keyed) else None
        return None

    async def _said(
        self, way: Way, named: dict[str, str], scope: Scope, receive: Receive, read: list[Message]
    ) -> Reply:
        body = await _body(receive, read)
        given = dict(scope["headers"])
        secret = callers.secret_of(given[b"authorization"].decode("latin1"))
        if secret is None:
            raise Leave
        begin_trace()
        try:
            principal = await callers.caller(secret)
            _bind(principal, named)
            check(principal, way.allow)
            if not principal.writes:
                raise Leave
            key = given.get(KEY, b"").decode("latin1")
            answer = await way.answer(QuickCall(principal, secret, scope["path"], named, key, body, receive))
            return _reply(way, answer)
        except (Leave, Gone):
            raise
        except Exception as fault:
            if problem.as_refusal(fault) is None:
                log.warning("quick_way_left", path=scope["path"], error=repr(fault), exc_info=fault)
            raise Leave from fault


def _bind(principal: Principal, named: dict[str, str]) -> None:
    """Into the log lines of this call, as the doors do."""
    said = {"tenant": str(principal.tenant_id), "principal": f"{principal.kind}:{principal.id}"}
    structlog.contextvars.bind_contextvars(**said, **named)


def _reply(way: Way, answer: Any) -> Reply:
    if isinstance(answer, Reply):
        return answer
    return Reply(way.status, answer if isinstance(answer, bytes) else _renderer.render(answer))


def _is_plain(headers: Sequence[tuple[bytes, bytes]], *, keyed: bool | None) -> bool:
    """Nothing about it could change the answer but who calls and what it says."""
    given = dict(headers)
    return (
        len(given) == len(headers)
        and given.keys() >= NEEDED
        and not given.keys() & LEFT_TO_THE_DOOR
        and keyed in (None, KEY in given)
        and given[b"content-type"] == b"application/json"
        and given.get(b"accept") in ACCEPTED
        and given[b"content-length"].isdigit()
        and int(given[b"content-length"]) <= BYTES_MAX
        and _is_ours(given[b"host"].decode("latin1"))
    )


def _is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


async def _body(receive: Receive, read: list[Message]) -> bytes:
    """What came is kept in `read`, for the door."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        read.append(message)
        if not message.get("more_body"):
            return b"".join(part.get("body", b"") for part in read)


def _again(read: Sequence[Message], receive: Receive) -> Receive:
    parts = iter(read)

    async def following() -> Message:
        return next(parts, None) or await receive()

    return following


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        """What still comes of the body is nobody's."""


async def _send(scope: Scope, send: Send, reply: Reply) -> None:
    about = [(b"content-type", reply.content_type.encode()), (b"content-length", str(len(reply.body)).encode())]
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [*about, *reply.headers, *_HEADERS, (b"x-trace-id", current_trace().encode())],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})
    log.info("request_finished", code=reply.status, request=f"POST {scope['path']}")
