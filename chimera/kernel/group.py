"""Group commit: what arrives while one batch is being written goes together in the next.

An item that comes alone is written at once and alone; under load the batches grow by themselves, because each gathers
for as long as the one before it is on its way. What has time may gather longer (`gather_seconds`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from chimera.kernel.bridge import in_thread

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Group(Generic[Key, Item, Answer]):
    """`write(key, items)` runs off the loop, one batch of a key at a time, and answers each item: a value or an exception.

    If it raises, every item of the batch gets that exception. Belongs to one event loop.
    """

    def __init__(
        self,
        write: Callable[[Key, Sequence[Item]], Sequence[Answer | Exception]],
        *,
        most: int,
        gather_seconds: float = 0.0,
    ) -> None:
        self._write, self._most, self._gather = write, most, gather_seconds
        self._waiting: dict[Key, deque[tuple[Item, asyncio.Future[Answer]]]] = {}
        self._writers: set[asyncio.Task[None]] = set()

    async def add(self, key: Key, item: Item) -> Answer:
        """What was written of this item. One who stops waiting for it does not take it back."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = deque()
            writer = asyncio.create_task(self._drain(key, queue))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        queue.append((item, answer))
        return await answer

    async def _drain(self, key: Key, queue: "deque[tuple[Item, asyncio.Future[Answer]]]") -> None:
        while queue:
            if self._gather:
                await asyncio.sleep(self._gather)
            batch = [queue.popleft() for _ in range(min(len(queue), self._most))]
            answers: Sequence[Answer | Exception]
            try:
                answers = await in_thread(self._write, key, [item for item, _ in batch])
            except Exception as fault:
                answers = [fault] * len(batch)
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if waiting.done():
                    continue  # nobody waits any more
                if isinstance(answer, Exception):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)
        del self._waiting[key]  # in the same turn in which the queue was seen empty
