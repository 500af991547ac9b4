"""What listens to Redis ends when it is called off, also when the cancel comes together with an answer and is lost below us."""

import asyncio
from typing import Any

import pytest
from redis.asyncio.client import PubSub

from chimera.kernel.http.waiting import Waiters

heard = PubSub.get_message


async def loses_a_cancel(self: PubSub, *args: Any, **kwargs: Any) -> Any:
    try:
        return await heard(self, *args, **kwargs)
    except asyncio.CancelledError:
        return None


def test_a_listener_that_lost_its_cancel_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PubSub, "get_message", loses_a_cancel)

    async def main() -> list[bool]:
        waiters = Waiters()
        async with waiters.called("a:b"):
            assert waiters._subscribed.is_set()
        for task in waiters._tasks:
            task.cancel()
        done, open_ = await asyncio.wait(waiters._tasks, timeout=10)
        monkeypatch.undo()  # so that this test ends, whatever was seen
        for task in open_:
            task.cancel()
        assert not open_
        return [task.cancelled() for task in done]

    assert asyncio.run(main()) == [True, True]
