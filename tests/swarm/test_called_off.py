"""Who waits for a word and is called off ends, also when the word comes at the same moment."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import pytest

from chimera.kernel.stream.viewer import Viewer
from swarm.consumers import pushing
from tests.live.watching import run

Waits = Callable[[float], Coroutine[Any, Any, object]]


class Seat:
    """What of a seat a wait looks at."""

    def __init__(self) -> None:
        self.stirred = asyncio.Event()


def at_a_seat() -> tuple[asyncio.Event, Waits]:
    seat: Any = Seat()
    return seat.stirred, lambda seconds: pushing._stirred(seat, seconds)


def of_a_viewer() -> tuple[asyncio.Event, Waits]:
    viewer = Viewer(uuid4())
    return viewer._ready, viewer.next


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("waiting", [at_a_seat, of_a_viewer])
def test_who_is_called_off_ends_though_the_word_came_as_well(
    waiting: Callable[[], tuple[asyncio.Event, Waits]], turns: int
) -> None:
    """However many turns of the loop lie between the word and its end: it is cancelled, or was through before."""
    seen: list[str] = []

    async def main() -> None:
        word, wait = waiting()

        async def for_ever() -> None:
            while True:
                word.clear()
                await wait(0.05)

        task = asyncio.create_task(for_ever())
        await asyncio.sleep(0.01)
        word.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=1)
        seen.append("ended" if task.done() else "goes on")
        task.cancel()

    run(main)
    assert seen == ["ended"]
