"""The breaker: how long the pause is after a fault."""

import time

import pytest

from memory.breaker import Breaker


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def opened(clock: list[float], *, faults: int) -> Breaker:
    """After so many who asked at the same moment and failed."""
    breaker = Breaker(faults_max=1, seconds=1.0, seconds_max=60.0)
    for _ in range(faults):
        assert breaker.admits()
    for _ in range(faults):
        breaker.failed()
    return breaker


@pytest.mark.parametrize("faults", [1, 20])
def test_one_fault_that_many_wait_for_is_one(clock: list[float], faults: int) -> None:
    breaker = opened(clock, faults=faults)
    assert not breaker.admits()
    clock[0] += 1.0
    assert breaker.admits()


def test_each_try_that_fails_makes_the_pause_twice_as_long(clock: list[float]) -> None:
    breaker = opened(clock, faults=1)
    for pause in (1.0, 2.0, 4.0):
        clock[0] += pause - 0.1
        assert not breaker.admits()
        clock[0] += 0.1
        assert breaker.admits()
        assert not breaker.admits(), "one tries, and the rest wait for what comes of it"
        breaker.failed()


def test_a_neighbour_that_says_how_long_is_believed_however_late(clock: list[float]) -> None:
    breaker = opened(clock, faults=1)
    breaker.failed(retry_seconds=30.0)
    clock[0] += 29.9
    assert not breaker.admits()
    clock[0] += 0.1
    assert breaker.admits()
