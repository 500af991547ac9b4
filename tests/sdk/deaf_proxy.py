"""A proxy that passes HTTP on and answers 426 to every upgrade, as some in the world do."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

REFUSAL = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


@contextmanager
def deaf_proxy(port: int) -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and the heads of the upgrades that it refused."""
    upgrades: list[bytes] = []
    ready, url = threading.Event(), list[str]()
    loop = asyncio.new_event_loop()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"upgrade: websocket" in head.lower():
            upgrades.append(head)
            writer.write(REFUSAL)
            writer.close()
            return
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        outer.write(head)
        await asyncio.gather(_pass(reader, outer), _pass(inner, writer), return_exceptions=True)

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        url.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ready.set()
        async with server:
            await stop.wait()
            server.close()
            talking = asyncio.all_tasks() - {asyncio.current_task()}
            for one in talking:
                one.cancel()
            await asyncio.gather(*talking, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield url[0], upgrades
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive()
        loop.close()
