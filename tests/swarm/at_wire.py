"""Calls as they come over the wire, to the whole ASGI application or to a part of it, in the test's own process."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from asgiref.testing import ApplicationCommunicator

from chimera.asgi import WAYS
from chimera.kernel.http.quick import Application, Message, QuickInFront, Receive, Scope, Send
from tests.cast import Caller, Said, Stage

SECONDS = 20.0
Heads = Sequence[tuple[bytes, bytes]]


def scope_of(path: str, secret: str, body: bytes, more: Heads = ()) -> Scope:
    """`more` headers stand beside the usual ones, or in their place."""
    headers = {
        b"host": b"127.0.0.1:8000",
        b"authorization": f"Bearer {secret}".encode(),
        b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
    }
    return {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "headers": list((headers | dict(more)).items()),
    }


class Wire:
    """`left` are the paths of the calls that the quick ways left to the doors."""

    def __init__(self, doors: Application) -> None:
        self.left: list[str] = []
        self.doors = doors
        self.quick = QuickInFront(self._leave, WAYS)

    async def _leave(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.left.append(scope["path"])
        await self.doors(scope, receive, send)

    async def call(
        self, who: Caller | str, path: str, body: Any, more: Heads = (), *, at: Application | None = None
    ) -> Said:
        secret = who if isinstance(who, str) else who.secret
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        wire = ApplicationCommunicator(at or self.quick, scope_of(f"/api/v1/{path}", secret, raw, more))
        await wire.send_input({"type": "http.request", "body": raw, "more_body": False})
        start: Message = await wire.receive_output(SECONDS)
        rest: Message = await wire.receive_output(SECONDS)
        await wire.wait(SECONDS)
        headers = {name.decode().title(): value.decode() for name, value in start["headers"]}
        return Said(start["status"], json.loads(rest["body"]), headers)

    async def both(self, who: Caller | str, path: str, body: Any, more: Heads = ()) -> tuple[Said, Said]:
        """By the quick way, and by the door."""
        quick = await self.call(who, path, body, more)
        return quick, await self.call(who, path, body, more, at=self.doors)

    async def all(self, *calls: tuple[Caller, str, Any]) -> list[Said]:
        return list(await asyncio.gather(*(self.call(*one) for one in calls)))


def offer(acme: Stage, number: int, settle: Callable[[], None]) -> None:
    session = acme.session()
    for _ in range(number):
        acme.task(session, risk_tier=3)
    settle()


def result(claim: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    said = {"lease_token": claim["lease_token"], "status": "succeeded", "output_payload": {"answer": 1}} | more
    return f"tasks/{claim['task']['id']}/result", said
