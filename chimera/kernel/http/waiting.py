"""Waiting without a thread: one Redis subscription per process tells those who wait for work that there is some.

News of work wakes about as many as there is work for, and not all: whoever was woken and found more than it could carry
wakes the next; whoever found nothing has looked for all of its kind. Those who wait stand in line, so that each gets its
turn. News is never lost: who leaves, or cannot take anything after all, passes it on.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from chimera.kernel import redis
from chimera.kernel.bridge import THREADS_MAX

log = structlog.get_logger()
RECONNECT_SECONDS = 0.5
SUBSCRIBE_SECONDS = 0.2
LISTEN_SECONDS = 5.0  # without a word; then it is asked whether this was called off
FULL_SECONDS = 5.0  # who could take nothing looks so often: its slots may have come free without a word
PATROL_SECONDS = 1.0  # one of each kind looks so often unasked: what a lost publication, or a Redis that is away, costs
AT_ONCE_MAX = THREADS_MAX  # woken by one publication; the others look when these have found more than enough
KINDS_MAX = 50  # that one round of the patrol looks for
UNKNOWN = float("inf")


@dataclass(eq=False)
class News:
    """Work of a topic that nobody has taken yet, as far as is known here."""

    left: float = UNKNOWN
    after_it: int = 0  # places that were told, or are looking; each is expected to take one at least
    passes_left: float = UNKNOWN
    in_vain: set[Hashable] = field(default_factory=set)  # kinds that found nothing of it


class Place:
    """A place in a topic's line.

    Its holder goes round: clear `stirred`; `look`, see what there is, and say `found` or `unable`; wait until `stirred`
    is set, by news or by the holder itself. With no room for work it says `rest` instead of `look`, and gets no news.
    """

    def __init__(self, waiters: "Waiters", topic: str) -> None:
        self.stirred = asyncio.Event()
        self.kind: Hashable = None
        self._waiters, self._topic = waiters, topic
        self._told: News | None = None  # and not looked for yet
        self._following: News | None = None  # what the present look is after

    def look(self, kind: Hashable) -> None:
        """What is told from now on leads to another look. Of one `kind` are those who would find the same."""
        self._pass_on_following()
        self._following, self._told, self.kind = self._told, None, kind
        self._waiters.stand(self._topic, self)

    def found(self, taken: int, *, more: bool) -> None:
        """`more`: perhaps something is left, because the look ended when its hands were full."""
        news = self._following or (News(after_it=1) if more else None)
        if news is None:
            return
        news.left -= taken
        if not more:
            news.in_vain.add(self.kind)
        self._following = news
        self._pass_on_following()

    def unable(self) -> None:
        """It may not take anything now, or failed to look; others may and can."""
        self.rest()
        self._pass_on_following()

    def rest(self) -> None:
        """Out of the line; news that it has not looked for goes to another."""
        self._waiters.step_out(self._topic, self)
        told, self._told = self._told, None
        if told is not None:
            self._waiters.pass_on(self._topic, told, back=True)

    def tell(self, news: News) -> None:
        self._told = news
        self.stirred.set()

    def _pass_on_following(self) -> None:
        news, self._following = self._following, None
        if news is not None:
            self._waiters.pass_on(self._topic, news, back=True)


class Waiters:
    """Those of one event loop, by topic: "{tenant}:{role}" for work, "{tenant}:{agent}" for a word to that agent.

    A publication may name several, with commas between: "{tenant}:{agent},{agent}".
    """

    def __init__(self) -> None:
        self._lines: dict[str, dict[Place, None]] = defaultdict(dict)  # who may be told, the longest waiting first
        self._calls: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self._subscribed = asyncio.Event()

    @asynccontextmanager
    async def listening(self, topic: str) -> AsyncIterator[Place]:
        """A place in the topic's line. News that comes after `look` is heard, whatever the look finds."""
        await self._begin()
        place = Place(self, topic)
        try:
            yield place
        finally:
            place.unable()

    @asynccontextmanager
    async def called(self, topic: str, event: asyncio.Event | None = None) -> AsyncIterator[asyncio.Event]:
        """An event, yours or a new one, that is set whenever the topic is published."""
        await self._begin()
        event = event or asyncio.Event()
        self._calls[topic].add(event)
        try:
            yield event
        finally:
            self._calls[topic].discard(event)
            if not self._calls[topic]:
                del self._calls[topic]

    def call(self, topic: str) -> None:
        """The same as a publication, for those of this process."""
        for event in self._calls.get(topic, ()):
            event.set()

    # -------------------------------------------------------------- the line

    def stand(self, topic: str, place: Place) -> None:
        """At the end of the line."""
        self.step_out(topic, place)
        self._lines[topic][place] = None

    def step_out(self, topic: str, place: Place) -> None:
        line = self._lines.get(topic)
        if line is not None:
            line.pop(place, None)
            if not line:
                del self._lines[topic]

    def pass_on(self, topic: str, news: News, *, back: bool = False) -> None:
        """To the first in line of a kind that has not looked in vain, if there is more than those after it may take.

        If nobody is in line all others have looked since, or are about to. `back`: from one who is after it no longer.
        """
        news.after_it -= back
        if news.left <= news.after_it or news.passes_left <= 0:
            return
        for place in self._lines.get(topic, ()):
            if place.kind not in news.in_vain:
                news.after_it, news.passes_left = news.after_it + 1, news.passes_left - 1
                self.step_out(topic, place)
                place.tell(news)
                return

    def wake(self, topic: str, number: float = UNKNOWN) -> None:
        """News of so much work."""
        news = News(number)
        for _ in range(min(AT_ONCE_MAX, len(self._lines.get(topic, ())))):
            self.pass_on(topic, news)

    # -------------------------------------------------------------- in the background

    async def _begin(self) -> None:
        if not self._tasks or any(task.done() for task in self._tasks):
            for task in self._tasks:
                task.cancel()
            self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._patrol())]
        with suppress(TimeoutError):  # without Redis nothing is published either
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await self._subscribed.wait()

    async def _read(self) -> None:
        while True:
            client = redis.async_client()
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(redis.DISPATCH_CHANNEL)
                    while True:
                        message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                        redis.heed_cancel()
                        if message:
                            self._take(message)
            except redis.FAULTS as error:
                log.warning("waiters_lost_redis", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                self._subscribed.clear()
                await client.aclose()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            self._hear(message["data"])
        elif message["type"] == "subscribe":
            self._subscribed.set()
            self._wake_everywhere()  # whatever was told meanwhile

    def _hear(self, said: str) -> None:
        """Topics of one tenant: a role's, perhaps with the number of tasks behind it, or agents'."""
        tenant, _, rest = said.partition(":")
        names, _, number = rest.partition(":")
        for name in names.split(","):
            topic = f"{tenant}:{name}"
            self.call(topic)
            self.wake(topic, int(number) if number.isdigit() else UNKNOWN)

    def _wake_everywhere(self) -> None:
        for topic in list(self._lines):
            self.wake(topic)
        for topic in list(self._calls):
            self.call(topic)

    async def _patrol(self) -> None:
        """One of each topic looks unasked, and tells the next when there is something; processes take turns by chance."""
        while True:
            await asyncio.sleep(PATROL_SECONDS * random.uniform(0.75, 1.25))
            for topic in list(self._lines):
                self.pass_on(topic, News(passes_left=KINDS_MAX))


async def first_of(events: Sequence[asyncio.Event], seconds: float) -> None:
    """Until one of them is set, or the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()


async def until_stirred(place: Place, freed: asyncio.Event, deadline: float, *, able: bool) -> None:
    """Until its holder is to look again; one who could take nothing looks also when it was `freed`, and now and then unasked."""
    left = deadline - time.monotonic()
    if able:
        await first_of([place.stirred], left)
    else:
        await first_of([place.stirred, freed], min(left, FULL_SECONDS * random.uniform(0.8, 1.2)))


_by_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Waiters]" = WeakKeyDictionary()


def waiters() -> Waiters:
    """The waiters of the running loop."""
    loop = asyncio.get_running_loop()
    found = _by_loop.get(loop)
    if found is None:
        found = _by_loop[loop] = Waiters()
    return found
