"""Agents in a process of their own, half at sockets and half over HTTP, which never take no for an answer.

Run as `python -m tests.processes.hammering`. Each fills its slots and holds money under every lease; once the file GO is there it
captures, finishes, claims and spends without a pause, and goes on with what was refused. Each line of OUT says when it was answered,
what it wanted, and whether it got it. Nothing of Django is imported here.
"""

import asyncio
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import connect

PAUSE_SECONDS = 0.02
REFUSED_SECONDS = 0.2  # twenty of them are to leave the machine some time for others
Said = dict[str, Any]


class Lease(NamedTuple):
    task: str
    token: str
    hold: str


class Agent:
    """What it holds, and what it makes of it."""

    def __init__(self, name: str, key: str, slots: int) -> None:
        self.name, self.slots = name, slots
        self.headers = {"Authorization": f"Bearer {key}"}
        self.leases: list[Lease] = []

    async def work(self) -> None:
        while len(self.leases) < self.slots:
            await self.fill()
        await asyncio.to_thread(_wait_for_go)
        while True:
            for lease in list(self.leases):
                self.note("capture", await self.capture(lease))
                if self.note("result", await self.finish(lease)):
                    self.leases.remove(lease)
                else:
                    await asyncio.sleep(REFUSED_SECONDS)
                await self.fill()
                await asyncio.sleep(PAUSE_SECONDS)

    def note(self, what: str, got: bool) -> bool:
        with OUT.open("a") as out:
            out.write(json.dumps({"at": time.time(), "who": self.name, "what": what, "got": got}) + "\n")
        return got

    async def begin(self, claim: Said) -> None:
        """Hold money under a new lease."""
        task, token = claim["task"]["id"], claim["lease_token"]
        hold = await self.spend(task, token)
        self.note("spend", hold is not None)
        self.leases.append(Lease(task, token, hold or task))

    async def fill(self) -> None:
        raise NotImplementedError

    async def spend(self, task: str, token: str) -> str | None:
        raise NotImplementedError

    async def capture(self, lease: Lease) -> bool:
        raise NotImplementedError

    async def finish(self, lease: Lease) -> bool:
        raise NotImplementedError


class OverHttp(Agent):
    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=f"{URL}/api/v1/", headers=self.headers, timeout=30) as self.http:
            await self.work()

    async def fill(self) -> None:
        claims = (await self._post("claims", {"max": self.slots})).get("claims", [])
        self.note("claim", bool(claims))
        for claim in claims:
            await self.begin(claim)

    async def spend(self, task: str, token: str) -> str | None:
        return (await self._post("transactions", _spend(task, token))).get("id")

    async def capture(self, lease: Lease) -> bool:
        return "captured_usd" in await self._post(f"transactions/{lease.hold}/capture", {"lease_token": lease.token})

    async def finish(self, lease: Lease) -> bool:
        return "outcome" in await self._post(f"tasks/{lease.task}/result", {"lease_token": lease.token} | RESULT)

    async def _post(self, path: str, body: Said) -> Said:
        said: Said = (await self.http.post(path, json=body)).json()
        return said


class AtSocket(Agent):
    async def run(self) -> None:
        address = URL.replace("http", "ws") + "/ws/agents/"
        async with connect(address, additional_headers=self.headers, compression=None) as self.socket:
            self.answers: dict[str, asyncio.Future[Said]] = {}
            self.pushed: asyncio.Queue[Said] = asyncio.Queue()
            hearing = asyncio.create_task(self._hear())
            await self._ask("ready", slots=self.slots)
            await self.work()
            await hearing

    async def fill(self) -> None:
        """What was pushed was noted when it came."""
        if not self.leases:
            await self.begin(await self.pushed.get())
        while not self.pushed.empty():
            await self.begin(self.pushed.get_nowait())
        await asyncio.sleep(PAUSE_SECONDS)

    async def spend(self, task: str, token: str) -> str | None:
        said = await self._ask("spend", **_spend(task, token))
        return str(said["transaction"]["id"]) if said["kind"] == "ack" else None

    async def capture(self, lease: Lease) -> bool:
        return (await self._ask("capture", transaction=lease.hold, lease_token=lease.token))["kind"] == "ack"

    async def finish(self, lease: Lease) -> bool:
        return (await self._ask("result", task=lease.task, lease_token=lease.token, **RESULT))["kind"] == "ack"

    async def _ask(self, kind: str, **fields: Any) -> Said:
        ref = str(next(REFS))
        answer = self.answers[ref] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"kind": kind, "ref": ref, **fields}))
        return await answer

    async def _hear(self) -> None:
        async for frame in self.socket:
            said = json.loads(frame)
            for item in said if isinstance(said, list) else [said]:
                match item["kind"]:
                    case "ack" | "error":
                        self.answers.pop(item["ref"]).set_result(item)
                    case "task":
                        self.note("claim", True)
                        self.pushed.put_nowait(item)
                    case "command":
                        self.note(f"command {item['name']}", True)


def _spend(task: str, token: str) -> Said:
    return {"task": task, "lease_token": token, "amount_usd": "0.01", "asset_symbol": "USD"}


def _wait_for_go() -> None:
    while not GO.exists():
        time.sleep(PAUSE_SECONDS)


async def main() -> None:
    keys, slots = os.environ["CHIMERA_KEYS"].split(","), int(os.environ["SLOTS"])
    kinds = itertools.cycle((OverHttp, AtSocket))
    agents = [
        kind(f"{kind.__name__} {place}", key, slots) for place, (key, kind) in enumerate(zip(keys, kinds, strict=False))
    ]
    await asyncio.gather(*(agent.run() for agent in agents))


if __name__ == "__main__":
    URL, GO, OUT = os.environ["CHIMERA_URL"], Path(os.environ["GO"]), Path(os.environ["OUT"])
    RESULT = {"status": "succeeded", "output_payload": {}, "confidence_score": 0.97}
    REFS = itertools.count()
    asyncio.run(main())
