"""Waiting without a thread: one Redis subscription per process wakes every waiter of a queue that has grown."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

import structlog

from chimera.kernel import redis

log = structlog.get_logger()
RECONNECT_SECONDS = 0.5
SUBSCRIBE_SECONDS = 0.2


class Waiters:
    """Waiters of one event loop, by topic ("{tenant}:{role}")."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()

    @asynccontextmanager
    async def listening(self, topic: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the topic is published. Look inside: what comes after the look is then heard."""
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        with suppress(TimeoutError):  # without Redis nothing is published either
            await asyncio.wait_for(self._subscribed.wait(), SUBSCRIBE_SECONDS)
        event = asyncio.Event()
        self._waiting[topic].add(event)
        try:
            yield event
        finally:
            self._waiting[topic].discard(event)
            if not self._waiting[topic]:
                del self._waiting[topic]

    async def _read(self) -> None:
        while True:
            client = redis.async_client()
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(redis.DISPATCH_CHANNEL)
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            self._wake(message["data"])
                        elif message["type"] == "subscribe":
                            self._subscribed.set()
            except redis.FAULTS as error:
                log.warning("waiters_lost_redis", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                self._subscribed.clear()
                await client.aclose()

    def _wake(self, topic: str) -> None:
        for event in self._waiting.get(topic, ()):
            event.set()


_by_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Waiters]" = WeakKeyDictionary()


def waiters() -> Waiters:
    """The waiters of the running loop."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Waiters())
