"""Group commit: what comes while a batch is written goes together in the next, and each item has an answer of its own."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError
from structlog.contextvars import bind_contextvars, get_contextvars

from chimera.kernel import bridge
from chimera.kernel.group import ALONE_AT_ONCE, LEFT_OVER, Group
from chimera.kernel.http.trace import begin_trace, current_trace
from tests.live.watching import run, until

PATIENCE_SECONDS = 20
TURNS_MAX = 10  # of the loop, until what was begun has run


class Gate:
    """Writers stay in front of it until it is opened."""

    def __init__(self) -> None:
        self._open, self.arrived = threading.Event(), 0

    def stay(self) -> None:
        self.arrived += 1
        assert self._open.wait(PATIENCE_SECONDS)

    def open(self) -> None:
        self._open.set()


class Book:
    """What was written, batch by batch; the first batch waits at the gate."""

    def __init__(self, answer: Callable[[Any], Any] = lambda item: item * 10) -> None:
        self.batches: list[tuple[Any, list[Any]]] = []
        self.gate = Gate()
        self._answer = answer

    def write(self, key: Any, items: Sequence[Any]) -> list[Any]:
        self.batches.append((key, list(items)))
        if len(self.batches) == 1:
            self.gate.stay()
        return [self._answer(item) for item in items]


def ask(group: Group[Any, Any, Any], *items: Any, key: str = "a") -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(group.add(key, item)) for item in items]


async def answers(*asked: "asyncio.Task[Any]") -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE_SECONDS)


async def queued(group: Group[Any, Any, Any], number: int) -> None:
    """The loop turns until so many wait for the next batch, and no further: nothing is written meanwhile."""
    for _ in range(TURNS_MAX):
        if len(group._waiting.get("a", ())) == number:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"after {TURNS_MAX} turns of the loop not {number} wait")


def test_what_comes_meanwhile_goes_together() -> None:
    book = Book()

    async def main() -> None:
        group: Group[str, int, int] = Group(book.write, most=100)
        first = ask(group, 1)
        await until(lambda: book.gate.arrived == 1)
        others = ask(group, *range(2, 30))
        await queued(group, 28)
        book.gate.open()
        assert await answers(*first, *others) == [n * 10 for n in range(1, 30)]
        assert book.batches == [("a", [1]), ("a", list(range(2, 30)))]
        assert group._waiting == {}
        assert await group.add("a", 7) == 70

    run(main)


def test_a_batch_has_a_bound_and_keys_do_not_wait_for_one_another() -> None:
    book = Book()

    async def main() -> None:
        group: Group[str, int, int] = Group(book.write, most=10)
        first = ask(group, 1)
        await until(lambda: book.gate.arrived == 1)
        assert await answers(*ask(group, 5, key="b")) == [50]
        others = ask(group, *range(25))
        await queued(group, 25)
        book.gate.open()
        await answers(*first, *others)
        assert [len(items) for key, items in book.batches if key == "a"] == [1, 10, 10, 5]

    run(main)


def test_what_has_time_gathers_though_nobody_writes() -> None:
    book = Book()
    book.gate.open()

    async def main() -> None:
        group: Group[str, int, int] = Group(book.write, most=100, gather_seconds=0.05)
        first = ask(group, 1)
        await queued(group, 1)
        assert await answers(*first, *ask(group, 2, 3)) == [10, 20, 30]
        assert book.batches == [("a", [1, 2, 3])]

    run(main)


def test_a_refusal_is_its_items_alone() -> None:
    refusal = ValueError("three")
    book = Book(lambda item: refusal if item == 3 else item)
    book.gate.open()

    async def main() -> None:
        group: Group[str, int, int] = Group(book.write, most=100, gather_seconds=0.02)
        assert await answers(*ask(group, 1, 3, 5)) == [1, refusal, 5]

    run(main)


def test_an_item_that_breaks_the_batch_harms_no_other() -> None:
    def write(key: str, items: Sequence[int]) -> list[int]:
        if 3 in items:
            raise ZeroDivisionError
        return [item * 10 for item in items]

    async def main() -> None:
        group: Group[str, int, int] = Group(write, most=100, gather_seconds=0.02)
        one, broken, other = await answers(*ask(group, 1, 3, 5))
        assert (one, other) == (10, 50)
        assert isinstance(broken, ZeroDivisionError)
        assert await group.add("a", 7) == 70

    run(main)


def test_answers_that_are_too_few_are_a_fault_and_nobody_waits_for_ever() -> None:
    async def main() -> None:
        group: Group[str, int, int] = Group(lambda key, items: [], most=100, gather_seconds=0.02)
        assert {type(said) for said in await answers(*ask(group, 1, 2))} == {RuntimeError}
        assert group._waiting == {}

    run(main)


def test_an_outage_is_everybodys_answer_at_once() -> None:
    tries: list[int] = []

    def away(key: str, items: Sequence[int]) -> list[int]:
        tries.append(len(items))
        raise OperationalError("the connection is closed")

    async def main() -> None:
        group: Group[str, int, int] = Group(away, most=100, gather_seconds=0.02)
        assert {type(said) for said in await answers(*ask(group, 1, 2, 3))} == {OperationalError}
        assert tries == [3]

    run(main)


def test_who_stops_waiting_does_not_take_it_back_and_holds_nobody_up() -> None:
    book = Book()

    async def main() -> None:
        group: Group[str, int, int] = Group(book.write, most=100)
        first = ask(group, 1)
        await until(lambda: book.gate.arrived == 1)
        gone, stays = ask(group, 2, 3)
        await queued(group, 2)
        gone.cancel()
        first[0].cancel()
        book.gate.open()
        assert await asyncio.wait_for(stays, PATIENCE_SECONDS) == 30
        assert book.batches == [("a", [1]), ("a", [2, 3])]

    run(main)


def test_what_is_left_over_waits_alone_and_the_next_batch_does_not_wait_for_it() -> None:
    gate, alone = Gate(), list[int]()

    def write(key: str, items: Sequence[int]) -> list[Any]:
        return [LEFT_OVER if item < 0 else item * 10 for item in items]

    def one(key: str, item: int) -> int:
        alone.append(item)
        gate.stay()
        if item == -2:
            raise ValueError("two")
        return item

    async def main() -> None:
        group: Group[str, int, int] = Group(write, alone=one, most=100)
        slow = ask(group, *range(-5, 0))
        await until(lambda: gate.arrived == ALONE_AT_ONCE)
        assert await answers(*ask(group, 1, 2)) == [10, 20]
        assert len(alone) == ALONE_AT_ONCE < bridge.THREADS_MAX
        gate.open()
        said = await answers(*slow)
        assert said[:3] == [-5, -4, -3]
        assert isinstance(said[3], ValueError)
        assert sorted(alone) == [-5, -4, -3, -2, -1]

    run(main)


def test_a_batch_is_logged_under_a_trace_of_its_own() -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def write(key: str, items: Sequence[int]) -> list[int]:
        seen.append((current_trace(), dict(get_contextvars())))
        return list(items)

    async def main() -> None:
        group: Group[str, int, int] = Group(write, most=100)
        mine = begin_trace()
        bind_contextvars(principal="agent:ada")
        await group.add("a", 1)
        await group.add("a", 2)
        (first, bound), (second, _) = seen
        assert len({mine, first, second}) == 3
        assert bound == {"trace": first}

    run(main)


@pytest.mark.parametrize("items", [1, 50])
def test_nothing_is_left_of_a_group_whose_loop_ends(items: int) -> None:
    book = Book()
    asked: list[Any] = []

    async def main() -> None:
        group: Group[str, int, int] = Group(book.write, most=10)
        asked.extend(ask(group, *range(items)))
        await until(lambda: book.gate.arrived == 1)
        for task in list(group._tasks):
            task.cancel()
        book.gate.open()
        await answers(*asked[10:])
        await until(lambda: group._waiting == {})
        for task in asked:
            task.cancel()

    run(main)
