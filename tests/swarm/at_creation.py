"""Calls that create tasks, as they come over the wire."""

from typing import Any

from swarm.models import Task
from tests.cast import Caller, Said, Stage
from tests.swarm.at_wire import Heads, Wire

NOBODY = "01900000-0000-7000-8000-000000000001"


def said(of: str, /, **more: Any) -> dict[str, Any]:
    return {"session": of, "type": "research", "input_payload": {"question": "why"}} | more


def keyed(key: str) -> Heads:
    return [(b"idempotency-key", key.encode())]


async def create(wire: Wire, who: Caller, key: str, body: Any) -> Said:
    return await wire.call(who, "tasks", body, keyed(key))


def count(acme: Stage) -> int:
    with acme.bound():
        return Task.objects.count()


async def shut(scope: Any, receive: Any, send: Any) -> None:
    """A door at which nobody is."""
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})
