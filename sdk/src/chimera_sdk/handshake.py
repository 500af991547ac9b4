"""Coming in at the agent socket: the handshake, the greeting, and what it means when a connection is refused or ends."""

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chimera_sdk.access import Access
from chimera_sdk.errors import Json, ProblemError, problem_of
from chimera_sdk.lines import NoSocket, Outage

log = logging.getLogger("chimera_sdk")

FRAME_IN_BYTES_MAX = 16 * 1024 * 1024  # the server's frames carry payloads of up to 256 KiB each
HELLO_SECONDS = 10.0
CLOSE_SECONDS = 2.0
KEY_IS_NO_GOOD = {4401: 401, 4403: 403}  # close codes, as statuses of HTTP
NO_SUCH_SOCKET = 4404
AWAY = frozenset({429, 500, 502, 503, 504})  # the server's trouble, or its proxy's, which ends


class _Discreet(logging.Filter):
    """What websockets tells under DEBUG are the headers too, of which one is the key."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple("Bearer …" if str(arg).startswith("Bearer ") else arg for arg in record.args)
        return True


wire_log = logging.getLogger("chimera_sdk.wire")
wire_log.addFilter(_Discreet())
wire_log.setLevel(logging.WARNING)  # frames and headers are for whoever lowers this


async def shake_hands(access: Access) -> ClientConnection:
    return await connect(
        access.socket,
        additional_headers=access.headers,
        logger=wire_log,
        compression=None,  # it costs more CPU than these frames are worth
        max_size=FRAME_IN_BYTES_MAX,
        open_timeout=HELLO_SECONDS,
        close_timeout=CLOSE_SECONDS,
    )


async def hello(socket: ClientConnection) -> Json:
    """The server's greeting; TimeoutError when it says none."""
    async with asyncio.timeout(HELLO_SECONDS):
        while True:
            for frame in frames(await socket.recv()):
                if frame.get("kind") == "hello":
                    return frame


def frames(raw: str | bytes) -> list[Json]:
    """What a frame says; what cannot be read is nothing."""
    try:
        said = json.loads(raw)
    except ValueError:
        log.warning("a frame that is no JSON was ignored")
        return []
    return [frame for frame in (said if isinstance(said, list) else [said]) if isinstance(frame, dict)]


def of_status(error: InvalidStatus) -> ProblemError | NoSocket | Outage:
    status, body = error.response.status_code, error.response.body or b""
    if status in AWAY:
        return Outage(f"HTTP {status} instead of a socket")
    if status not in {401, 403}:
        return NoSocket(f"HTTP {status} instead of a socket")
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    return problem_of(status, said if isinstance(said, dict) else {})


def of_closing(error: ConnectionClosed) -> Exception:
    code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
    if status := KEY_IS_NO_GOOD.get(code):
        detail = reason or "The key is not known, is no agent's, or its agent was suspended."
        return ProblemError(status, {"code": "unauthenticated" if status == 401 else "forbidden", "detail": detail})
    return NoSocket(f"closed with {code}") if code == NO_SUCH_SOCKET else error


async def first_end(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them together; the first that ends or fails ends the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
