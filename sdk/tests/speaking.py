"""A real socket server on loopback that speaks the agents' protocol as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from chimera_sdk import Agent

Json = dict[str, Any]
HELLO = {
    "kind": "hello", "agent": "a1", "name": "ada", "role": "worker", "max_slots": 8, "lease_seconds": 60,
    "heartbeat_seconds": 10, "frame_bytes_max": 262144, "unanswered_max": 256,
}  # fmt: skip
RENEWED = {"lease_expires_at": "2026-01-01T00:01:00Z", "commands": []}
STALE = {"error": {"code": "stale_lease", "detail": "This lease is over."}}
WAIT_SECONDS = 10


def claim(number: int = 1, type: str = "research", **input: Any) -> Json:
    task = {"id": f"t{number}", "type": type, "session": "s1", "input_payload": input}
    return {
        "kind": "task", "task": task, "lease_token": f"l{number}", "attempt": 1, "resume": None,
        "lease_expires_at": "2026-01-01T00:01:00Z",
    }  # fmt: skip


class Peer:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.frames: list[list[Json]] = []  # as they came
        self._ready: list[Json] = []

    async def say(self, *frames: Json) -> None:
        await self.socket.send(json.dumps(frames[0] if len(frames) == 1 else frames))

    async def hello(self, *, again: dict[str, bool] | None = None, **changed: Any) -> Json:
        """Greets; returns the client's `ready`, acknowledged.

        `again`: the client was here before and beats first, with these tasks; True: the lease is still its own.
        """
        await self.say(HELLO | changed)
        if again:
            beat = await self.hear("heartbeat")
            assert [lease["task"] for lease in beat["leases"]] == list(again)
            assert self.kinds() == ["heartbeat"], "and asks for nothing before it is answered"
            await self.ack(beat, leases=[{"task": task} | (RENEWED if own else STALE) for task, own in again.items()])
        ready = await self.hear("ready")
        await self.ack(ready, slots=ready["slots"])
        return ready

    def kinds(self) -> list[str]:
        """Of all that was heard, in order."""
        return [said["kind"] for frame in self.frames for said in frame]

    async def ack(self, frame: Json, **more: Any) -> None:
        await self.say({"kind": "ack", "ref": frame["ref"]} | more)

    async def hear(self, kind: str) -> Json:
        """The next frame of this kind; others are kept for later."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for frame in self._ready:
                    if frame["kind"] == kind:
                        self._ready.remove(frame)
                        return frame
                said = json.loads(await self.socket.recv())
                self.frames.append(said if isinstance(said, list) else [said])
                self._ready += self.frames[-1]


Script = Callable[[Peer], Awaitable[None]]


class Server:
    """Each connection is talked to by the next script; the last one's peers are kept waiting."""

    def __init__(self, *scripts: Script, refuse: int = 0) -> None:
        self.scripts, self.refuse, self.url = list(scripts), refuse, ""
        self.connections = 0
        self.failed: BaseException | None = None
        self.done = asyncio.Event()
        self.headers: list[str | None] = []

    def check(self, socket: ServerConnection, request: Request) -> Response | None:
        self.headers.append(request.headers.get("Authorization"))
        return socket.respond(HTTPStatus(self.refuse), '{"code": "refused", "detail": "No."}') if self.refuse else None

    async def talk(self, socket: ServerConnection) -> None:
        script = self.scripts[self.connections]
        self.connections += 1
        try:
            await script(Peer(socket))
        except BaseException as error:
            self.failed = error
            self.done.set()
            raise
        if self.connections == len(self.scripts):
            self.done.set()
            await socket.wait_closed()


@asynccontextmanager
async def speaking(*scripts: Script, refuse: int = 0) -> AsyncIterator[Server]:
    server = Server(*scripts, refuse=refuse)
    async with serve(server.talk, "127.0.0.1", 0, process_request=server.check, compression=None) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server


def converse(agent: Agent, *scripts: Script, slots: int = 4) -> Server:
    """Run the agent against the scripts, and stop it when they are over. What failed in a script is raised."""

    async def run() -> Server:
        async with speaking(*scripts) as server:
            agent.url, agent.key, agent.transport = server.url, "chm_x", "socket"
            working = asyncio.create_task(agent.serve(slots))
            over = asyncio.create_task(server.done.wait())
            async with asyncio.timeout(3 * WAIT_SECONDS):
                await asyncio.wait([working, over], return_when=asyncio.FIRST_COMPLETED)
                if server.failed:
                    working.cancel()
                    raise server.failed
                agent.stop()
                agent.stop()
                await working
            return server

    return asyncio.run(run())


def agent_of(handler: Any, *, reserve: str | None = None, **more: Any) -> Agent:
    agent = Agent(**more)
    agent.task("research", reserve=reserve)(handler)
    return agent


async def answer(task, ctx):
    return ctx.result({"n": task.input.get("n", 0)}, confidence=0.9)


class Endless:
    """A handler that never ends of itself."""

    def __init__(self) -> None:
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()

    async def __call__(self, task, ctx):
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.cancelled
            self.cancelled.set()

    async def is_cancelled(self) -> None:
        await asyncio.wait_for(self.cancelled.wait(), WAIT_SECONDS)
