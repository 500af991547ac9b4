"""An agent at its socket, on the ASGI application in the test's own process: what it says and all that it hears."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from chimera.asgi import application
from chimera.kernel.bridge import in_thread
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.live.watching import until

SECONDS = 20.0


class AtSocket:
    """`heard` are the items of all frames, in order. `drop` is a connection that breaks; leaving the block closes it."""

    def __init__(self, who: Caller | str) -> None:
        self.secret = who if isinstance(who, str) else who.secret
        self.heard: list[dict[str, Any]] = []
        self.frames: list[str] = []
        self.closed: int | None = None
        self.reason = ""
        self._ref = 0
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> Self:
        headers = [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {self.secret}".encode())]
        scope = {
            "type": "websocket",
            "path": "/ws/agents/",
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
        }
        self._running = asyncio.create_task(application(scope, self._inbox.get, self._hear))
        self._inbox.put_nowait({"type": "websocket.connect"})
        await until(lambda: self.of("hello") or self.closed is not None, SECONDS)
        return self

    async def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "websocket.send":
                self.frames.append(message["text"])
                said = json.loads(message["text"])
                self.heard += said if isinstance(said, list) else [said]
            case "websocket.close":
                self.closed, self.reason = message.get("code", 1000), message.get("reason", "")

    async def drop(self) -> None:
        """The server hears that the connection is gone."""
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
        assert self._running is not None
        await asyncio.wait_for(self._running, SECONDS)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None and not self._running.done():
            await self.drop()

    # --- what it says

    def say(self, *items: Any) -> None:
        self.send(json.dumps(items[0] if len(items) == 1 else items))

    def send(self, text: str) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, raw: bytes) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "bytes": raw})

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Say it and wait for its answer."""
        self._ref += 1
        ref = f"r{self._ref}"
        self.say({"kind": kind, "ref": ref, **fields})
        return await self.answer(ref)

    async def answer(self, ref: Any) -> dict[str, Any]:
        await until(lambda: self.answers(ref) or self.closed is not None, SECONDS, lambda: f"no answer to {ref}")
        return self.answers(ref)[0]

    async def ready(self, slots: int, **more: Any) -> dict[str, Any]:
        return await self.ask("ready", slots=slots, **more)

    async def finish(self, claim: dict[str, Any], **more: Any) -> dict[str, Any]:
        said = {"status": "succeeded", "output_payload": {"answer": "42"}, "confidence_score": 0.95} | more
        return await self.ask("result", task=claim["task"]["id"], lease_token=claim["lease_token"], **said)

    async def beat(self, *claims: dict[str, Any], **more: Any) -> dict[str, Any]:
        leases = [{"task": c["task"]["id"], "lease_token": c["lease_token"], **more} for c in claims]
        return await self.ask("heartbeat", leases=leases)

    async def spend(self, claim: dict[str, Any], amount: str, **more: Any) -> dict[str, Any]:
        said = {"amount_usd": amount, "asset_symbol": "USD", "payee": "render.example"} | more
        return await self.ask("spend", task=claim["task"]["id"], lease_token=claim["lease_token"], **said)

    # --- what it hears

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.heard if item["kind"] == kind]

    def answers(self, ref: Any) -> list[dict[str, Any]]:
        return [item for item in self.heard if item["kind"] in ("ack", "error") and item["ref"] == ref]

    @property
    def hello(self) -> dict[str, Any]:
        return self.of("hello")[0]

    @property
    def claims(self) -> list[dict[str, Any]]:
        return self.of("task")

    async def tasks(self, number: int, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """Until so many were pushed."""
        await until(lambda: len(self.claims) >= number, seconds, lambda: f"{len(self.claims)} of {number} tasks")
        return self.claims

    async def told(self, name: str, claim: dict[str, Any], times: int = 1) -> None:
        """Until this command came, so many times."""
        said = (name, claim["task"]["id"])
        await until(lambda: [(c["name"], c["task"]) for c in self.of("command")].count(said) >= times, SECONDS)

    async def shown_out(self) -> int:
        await until(lambda: self.closed is not None, SECONDS)
        assert self.closed is not None
        return self.closed


def many(acme: Stage, number: int, **more: Any) -> list[str]:
    """Ids of new tasks of one session."""
    session = acme.session()
    return [acme.task(session, **more)["id"] for _ in range(number)]


async def held(acme: Stage) -> int:
    """How many tasks of the tenant are running."""

    def count() -> int:
        with acme.bound():
            return Task.objects.filter(status="running").count()

    return await in_thread(count)
