"""Group commit: what arrives while one batch is being written goes together in the next.

An item that comes alone is written at once and alone; under load the batches grow by themselves, because each gathers
for as long as the one before it is on its way. What has time may gather longer (`gather_seconds`). What a batch leaves
over is written item by item, beside the next batches, so that whoever has to wait keeps nobody else waiting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextvars import Context
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeVar
from weakref import WeakKeyDictionary

import structlog

from chimera.kernel.bridge import in_thread
from chimera.kernel.http.trace import begin_trace
from chimera.kernel.relay.slow_lane import is_outage

log = structlog.get_logger()
Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")
ALONE_AT_ONCE = 3  # of the bridge's threads, so that some are left for everything else


class Left(Enum):
    OVER = "over"


LEFT_OVER: Final = Left.OVER  # instead of an answer: this item is to be written alone
Written = Sequence[Answer | Exception | Literal[Left.OVER]]


class Group(Generic[Key, Item, Answer]):
    """`write(key, items)` runs off the loop, one batch of a key at a time, and answers each item: a value, an exception,
    or LEFT_OVER, which goes to `alone(key, item)`. If it raises, nothing was written, and it is asked for each item alone, so
    that one which cannot be written harms no other; unless PostgreSQL is away, which is then everybody's answer.

    Belongs to one event loop.
    """

    def __init__(
        self,
        write: Callable[[Key, Sequence[Item]], Written[Answer]],
        *,
        most: int,
        alone: Callable[[Key, Item], Answer] | None = None,
        gather_seconds: float = 0.0,
    ) -> None:
        self._write, self._alone, self._most, self._gather = write, alone, most, gather_seconds
        self._waiting: dict[Key, deque[tuple[Item, asyncio.Future[Answer]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._few = asyncio.Semaphore(ALONE_AT_ONCE)

    async def add(self, key: Key, item: Item) -> Answer:
        """What was written of this item. One who stops waiting for it does not take it back."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = deque()
            self._spawn(self._drain(key, queue))
        queue.append((item, answer))
        return await answer

    async def _drain(self, key: Key, queue: "deque[tuple[Item, asyncio.Future[Answer]]]") -> None:
        try:
            while queue:
                if self._gather:
                    await asyncio.sleep(self._gather)
                batch = [queue.popleft() for _ in range(min(len(queue), self._most))]
                answers = await self._written(key, [item for item, _ in batch])
                for (item, waiting), answer in zip(batch, answers, strict=True):
                    if answer is LEFT_OVER:
                        self._spawn(self._one(key, item, waiting))
                    else:
                        _answer(waiting, answer)
        finally:
            del self._waiting[key]  # in the same turn in which the queue was seen empty
            for _, waiting in queue:
                waiting.cancel()  # the loop is ending

    async def _written(self, key: Key, items: Sequence[Item]) -> Written[Answer]:
        begin_trace()
        try:
            answers = await in_thread(self._write, key, items)
            if len(answers) != len(items):
                raise RuntimeError(f"{len(answers)} answers to {len(items)} items")
        except Exception as fault:
            if len(items) == 1 or is_outage(fault):
                return [fault] * len(items)
            log.warning("group_goes_one_by_one", items=len(items), error=repr(fault))
            return [(await self._written(key, [item]))[0] for item in items]
        return answers

    async def _one(self, key: Key, item: Item, waiting: "asyncio.Future[Answer]") -> None:
        assert self._alone is not None
        async with self._few:
            begin_trace()
            try:
                answer: Answer | Exception = await in_thread(self._alone, key, item)
            except Exception as fault:
                answer = fault
        _answer(waiting, answer)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """In a context of its own: a batch is no more the first one's than the others'."""
        task = asyncio.get_running_loop().create_task(coroutine, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_shared: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, Group[Any, Any, Any]]]" = WeakKeyDictionary()


def shared(write: Callable[[Key, Sequence[Item]], Written[Answer]], *, most: int) -> Group[Key, Item, Answer]:
    """The running loop's own group of `write`, the same for every door that asks for it."""
    groups = _shared.setdefault(asyncio.get_running_loop(), {})
    if write not in groups:
        groups[write] = Group(write, most=most)
    found: Group[Key, Item, Answer] = groups[write]
    return found


def _answer(waiting: "asyncio.Future[Answer]", answer: Answer | Exception) -> None:
    if waiting.done():
        return  # nobody waits any more
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
