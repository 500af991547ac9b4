"""Chimera: jobs enqueued with its SDK, and worked on in three ways.

`work sdk`: an Agent of the SDK on the agents' socket. `work frames`: the socket's frames as they are, many in a list.
`work http`: SLOTS threads that claim one task per call and hand in one result per call. CHIMERA_URL, CHIMERA_KEY.
"""

import asyncio
import http.client
import json
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import websockets

from benchmarks.swarm.jobs.producing import serve
from benchmarks.swarm.jobs.stamps import BEGUN, Stamps
from chimera_sdk import Agent, Client, Context, Task

SLOTS = int(os.environ.get("BENCH_SLOTS", "64"))
URL, KEY = os.environ["CHIMERA_URL"], os.environ["CHIMERA_KEY"]
stamps = Stamps.here()


class Producer:
    packages = ("django", "psycopg", "redis", "websockets")

    def __init__(self) -> None:
        self.client = Client()
        self.session = self.client.sessions.create(name="bench")["id"]

    def one(self, number: int) -> None:
        self.client.tasks.create(session=self.session, type="noop", input={"number": number}, risk_tier=3)

    def many(self, numbers: Sequence[int]) -> None:
        alike = {"session": self.session, "type": "noop", "risk_tier": 3}
        self.client.tasks.batch([alike | {"input_payload": {"number": number}} for number in numbers])


def sdk() -> None:
    agent = Agent(transport="socket", drain_seconds=2)

    @agent.task("noop")
    async def noop(task: Task, ctx: Context) -> None:
        stamps.note(BEGUN, task.input["number"])

    agent.run(slots=SLOTS)


async def frames() -> None:
    address = URL.replace("http", "ws", 1) + "/ws/agents/"
    headers = {"Authorization": f"Bearer {KEY}"}
    async with websockets.connect(address, additional_headers=headers, max_size=None) as socket:
        await socket.send(json.dumps({"kind": "ready", "ref": "ready", "slots": SLOTS}))
        async for text in socket:
            said = json.loads(text)
            results = [_worked(frame) for frame in (said if isinstance(said, list) else [said]) if _is_task(frame)]
            if results:
                await socket.send(json.dumps(results))


def _is_task(frame: dict[str, Any]) -> bool:
    if frame["kind"] == "error":
        raise SystemExit(f"refused: {frame}")
    return bool(frame["kind"] == "task")


def _worked(frame: dict[str, Any]) -> dict[str, Any]:
    task = frame["task"]
    stamps.note(BEGUN, task["input_payload"]["number"])
    result = {"task": task["id"], "lease_token": frame["lease_token"], "status": "succeeded"}
    return {"kind": "result", "ref": task["id"]} | result


def single_calls() -> None:
    """Never returns; one connection per thread."""
    address = urlsplit(URL)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    def work() -> None:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)

        def post(path: str, body: Any) -> Any:
            connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise SystemExit(f"{path}: {answer.status} {text.decode()}")
            return json.loads(text)

        while True:
            for claim in post("claims", {"max": 1, "wait_seconds": 20})["claims"]:
                stamps.note(BEGUN, claim["task"]["input_payload"]["number"])
                said = {"lease_token": claim["lease_token"], "status": "succeeded"}
                post(f"tasks/{claim['task']['id']}/result", said)

    threads = [threading.Thread(target=work) for _ in range(SLOTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["produce"]:
            serve(Producer())
        case ["work", "sdk"]:
            sdk()
        case ["work", "frames"]:
            asyncio.run(frames())
        case ["work", "http"]:
            single_calls()
        case _:
            sys.exit(__doc__)
