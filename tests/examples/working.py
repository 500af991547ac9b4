"""A handler's task and context as the SDK makes them, for calling a handler without a server's claim."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chimera_sdk import AsyncClient, Client, Task, ThreadContext
from chimera_sdk.context import Context
from chimera_sdk.work import Work

NOWHERE = "http://127.0.0.1:9"


async def told(work: Work) -> None:
    """Nothing is metered here."""


@contextmanager
def in_hand(url: str = NOWHERE, **task: Any) -> Iterator[tuple[Task, ThreadContext]]:
    """A task under the lease l1, of session s1. Progress goes nowhere."""
    shown = {"id": "t1", "type": "draft", "session": "s1", "input_payload": {}} | task
    work = Work({"task": shown, "lease_token": "l1", "lease_expires_at": "2026-01-01T00:01:00Z", "attempt": 1})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        with Client(url, "chm_x") as client:
            inner = Context(work, lambda work, note: None, lambda work: None, told, AsyncClient(url, "chm_x"))
            yield work.task, ThreadContext(inner, loop, client)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
