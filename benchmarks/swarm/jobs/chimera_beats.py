"""AGENTS agents that each hold one task and beat every EVERY seconds, for SECONDS; one process plays them all.

`socket` or `http`. It says "seated" when all hold their task, measures when it is told to by a line, and then prints
JSON: milliseconds of each answer, and how many were fine, refused (with the code), 5xx, a closed connection (from the first
seat on), or had to knock again before they got their seat. CHIMERA_URL; the agents' keys are KEY.format(n).
"""

import asyncio
import json
import math
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import websockets
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

URL = os.environ.get("CHIMERA_URL", "")
KEY = "chm_bench_{}"
AT_ONCE = 32  # that take their seat at the same time


@dataclass
class Told:
    """Counts and milliseconds of what is asked between `begins` and `ends`."""

    begins: float = math.inf
    ends: float = math.inf
    ms: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, outcome: str, asked: float) -> None:
        if self.begins <= asked < self.ends:
            self.counts[outcome] += 1
            self.ms.append((time.monotonic() - asked) * 1000)


class SocketAgent:
    async def sit(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {KEY.format(number)}"}
        self.socket = await websockets.connect(
            URL.replace("http", "ws", 1) + "/ws/agents/", additional_headers=headers, ping_interval=None
        )
        await self.socket.send(json.dumps({"kind": "ready", "ref": "ready", "slots": 1}))
        task = await self._heard(lambda frame: frame["kind"] == "task")
        self.lease = {"task": task["task"]["id"], "lease_token": task["lease_token"]}

    async def beat(self) -> str:
        await self.socket.send(json.dumps({"kind": "heartbeat", "ref": "beat", "leases": [self.lease]}))
        answer = await self._heard(lambda frame: frame.get("ref") == "beat")
        refused = answer if answer["kind"] == "error" else answer["leases"][0].get("error")
        return f"refused: {refused['code']}" if refused else "ok"

    async def leave(self) -> None:
        await self.socket.close()

    async def _heard(self, wanted: Any) -> Any:
        while True:
            said = json.loads(await self.socket.recv())
            for frame in said if isinstance(said, list) else [said]:
                if wanted(frame):
                    return frame


class HttpAgent:
    """One connection kept open, and calls as plain as they can be: the client is to cost little."""

    async def sit(self, number: int) -> None:
        at = urlsplit(URL)
        self.key = KEY.format(number)
        self.reader, self.writer = await asyncio.open_connection(at.hostname, at.port)
        claims: list[Any] = []
        while not claims:
            status, answer = await self._post("claims", {"max": 1, "wait_seconds": 20})
            if status != 200:
                raise SystemExit(f"claim: {status} {answer}")
            claims = answer["claims"]
        self.path = f"tasks/{claims[0]['task']['id']}/heartbeat"
        self.token = claims[0]["lease_token"]

    async def beat(self) -> str:
        status, answer = await self._post(self.path, {"lease_token": self.token})
        return "ok" if status == 200 else "5xx" if status >= 500 else f"refused: {answer['code']}"

    async def leave(self) -> None:
        self.writer.close()

    async def _post(self, path: str, body: Any) -> tuple[int, Any]:
        said = json.dumps(body).encode()
        self.writer.write(
            f"POST /api/v1/{path} HTTP/1.1\r\nHost: {urlsplit(URL).netloc}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n".encode()
            + said
        )
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if "content-length" in fields:
            answer = await self.reader.readexactly(int(fields["content-length"]))
        else:
            answer = await self._chunks()
        return int(head[0].split()[1]), json.loads(answer or b"null")

    async def _chunks(self) -> bytes:
        found = b""
        while size := int(await self.reader.readline(), 16):
            found += (await self.reader.readexactly(size + 2))[:size]
        await self.reader.readline()
        return found


async def main(kind: str, number: int, every: float, seconds: float) -> None:
    told, few = Told(), asyncio.Semaphore(AT_ONCE)
    agents: list[SocketAgent | HttpAgent] = [HttpAgent() if kind == "http" else SocketAgent() for _ in range(number)]

    async def sit(place: int) -> None:
        """As a real agent does: who is not let in, or is dropped before it has its task, knocks again."""
        async with few:
            while True:
                try:
                    return await agents[place].sit(place)
                except (InvalidHandshake, InvalidMessage, ConnectionClosed, OSError, EOFError):
                    told.counts["again"] += 1

    async def live(place: int, seated: asyncio.Task[None]) -> None:
        """From its seat on, each at its own moment; only what is asked in time is told."""
        await seated
        due = time.monotonic() + random.random() * every
        while due < told.ends:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            asked = time.monotonic()
            try:
                told.note(await agents[place].beat(), asked)
            except (ConnectionClosed, OSError, EOFError):
                told.counts["closed"] += 1
                return
            due = max(due + every, time.monotonic())  # who was kept waiting does not make up for it

    seats = [asyncio.create_task(sit(place)) for place in range(number)]
    lives = [asyncio.create_task(live(place, seated)) for place, seated in enumerate(seats)]
    await asyncio.gather(*seats)
    print("seated", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    told.begins = time.monotonic()
    told.ends = told.begins + seconds
    await asyncio.gather(*lives)
    print(json.dumps({"ms": told.ms, "counts": told.counts}), flush=True)
    for agent in agents:
        await agent.leave()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
