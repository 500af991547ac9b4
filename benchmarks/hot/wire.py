"""Spending from one budget over HTTP and over an agent's socket, of a web process of its own."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from websockets.asyncio.client import connect

from benchmarks.hot.scene import AMOUNT, WARM_SECONDS, Lease, Measured, Scene
from benchmarks.swarm.metering import spent

Ask = Callable[[Lease], Awaitable[None]]


def over_http(scene: Scene, leases: Sequence[Lease], seconds: float) -> Measured:
    """A connection for each caller, kept open."""

    async def all_ask() -> Measured:
        lines = {lease: await asyncio.open_connection("127.0.0.1", scene.port) for lease in leases}

        async def ask(lease: Lease) -> None:
            reader, writer = lines[lease]
            writer.write(_request(scene, lease))
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(part for part in head.split(b"\r\n") if part.lower().startswith(b"content-length:"))
            body = await reader.readexactly(int(length.split(b":")[1]))
            assert head.startswith(b"HTTP/1.1 201"), (head, body)

        try:
            return await _measured(scene, leases, seconds, ask)
        finally:
            for _, writer in lines.values():
                writer.close()

    return asyncio.run(all_ask())


def over_socket(scene: Scene, leases: Sequence[Lease], seconds: float) -> Measured:
    """One connection for all callers, each with one spend on its way."""

    async def all_ask() -> Measured:
        waiting: dict[int, asyncio.Future[Any]] = {}
        headers = {"Authorization": f"Bearer {scene.secret}"}
        async with connect(f"ws://127.0.0.1:{scene.port}/ws/agents/", additional_headers=headers) as socket:

            async def listen() -> None:
                async for frame in socket:
                    said = json.loads(frame)
                    for item in said if isinstance(said, list) else [said]:
                        if item.get("ref") in waiting:
                            waiting.pop(item["ref"]).set_result(item)

            async def ask(lease: Lease) -> None:
                ref = leases.index(lease)
                waiting[ref] = asyncio.get_running_loop().create_future()
                answer = waiting[ref]
                await socket.send(json.dumps({"kind": "spend", "ref": ref} | _said(lease)))
                item = await answer
                assert item.get("status") == "held", item

            listening = asyncio.create_task(listen())
            try:
                return await _measured(scene, leases, seconds, ask)
            finally:
                listening.cancel()

    return asyncio.run(all_ask())


async def _measured(scene: Scene, leases: Sequence[Lease], seconds: float, ask: Ask) -> Measured:
    spans: list[float] = []
    until = time.perf_counter() + WARM_SECONDS + seconds

    async def go_on(lease: Lease) -> None:
        while (began := time.perf_counter()) < until:
            await ask(lease)
            if began >= until - seconds:
                spans.append((time.perf_counter() - began) * 1000)

    going = asyncio.gather(*(go_on(lease) for lease in leases))
    await asyncio.sleep(WARM_SECONDS)
    cpu = scene.cpu()
    await going
    return Measured(len(spans), seconds, spans, spent(cpu, scene.cpu()))


def _said(lease: Lease) -> dict[str, str]:
    named = {"task": str(lease.task_id), "lease_token": str(lease.token)}
    return named | {"amount_usd": str(AMOUNT), "asset_symbol": "USD", "payee": "render.example"}


def _request(scene: Scene, lease: Lease) -> bytes:
    body = json.dumps(_said(lease)).encode()
    lines = [
        "POST /api/v1/transactions HTTP/1.1",
        f"Host: 127.0.0.1:{scene.port}",
        f"Authorization: Bearer {scene.secret}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
