"""A real web process and relay for the SDK, shared by the tests of a file, and agents that work in a thread of the test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from chimera_sdk import Agent
from tests.cast import Caller, Stage, found
from tests.processes.harness import House

_numbers = count(1)


@pytest.fixture
def house(running: House) -> House:
    running.complete("relay", "web")
    return running


@pytest.fixture
def acme(running: House) -> Stage:
    """A tenant of its own for each test; what it leaves is emptied with the house."""
    return found(f"Acme {next(_numbers)}", time_zone="Europe/Lisbon")


class Working:
    """An agent at work in a thread; leaving the block drains it, and raises what ended it."""

    def __init__(self, agent: Agent, slots: int) -> None:
        self.agent, self.error = agent, None
        self._thread = threading.Thread(target=self._run, args=(slots,), daemon=True)

    error: BaseException | None

    def _run(self, slots: int) -> None:
        try:
            asyncio.run(self.agent.serve(slots))
        except BaseException as error:
            self.error = error

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"still at work after {seconds} s"
        if self.error:
            raise self.error


@contextmanager
def working(agent: Agent, house: House, who: Caller, *, transport: str, slots: int = 4) -> Iterator[Working]:
    agent.url, agent.key, agent.transport = house.url, who.secret, transport  # type: ignore[assignment]
    work = Working(agent, slots)
    work.start()
    try:
        yield work
    finally:
        agent.stop()
        work.join(15)
