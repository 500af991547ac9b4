"""Who waits how long: a nudge wakes a lane at once, and one that does late work rests between its looks."""

import threading
import time

import pytest

from chimera.kernel.relay import pace
from chimera.kernel.relay.pace import IDLE_SECONDS, Pace, Waiter


def seconds_of(waiter: Waiter, why: Pace) -> float:
    began = time.monotonic()
    waiter.wait(why)
    return time.monotonic() - began


def test_a_lane_that_was_woken_goes_on_at_once() -> None:
    waiter = Waiter()
    for why in (Pace.IDLE, Pace.DONE, Pace.IDLE):
        waiter.wake()
        assert seconds_of(waiter, why) < 0.1
    assert seconds_of(waiter, Pace.MORE) < 0.1


def test_a_nudge_that_came_during_the_step_is_not_lost_and_one_counts_once() -> None:
    waiter = Waiter()
    waiter.wake()
    waiter.wake()
    assert seconds_of(waiter, Pace.DONE) < 0.1
    assert seconds_of(waiter, Pace.IDLE) >= IDLE_SECONDS * 0.9


def test_a_lane_of_late_work_looks_at_once_after_a_silence_and_then_not_before_it_rested() -> None:
    waiter = Waiter(rest_seconds=0.2)
    waiter.wake()
    assert seconds_of(waiter, Pace.IDLE) < 0.1
    waiter.wake()
    assert 0.15 < seconds_of(waiter, Pace.DONE) < IDLE_SECONDS


def test_whoever_waits_for_a_writer_is_woken_by_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "WITHHELD_SECONDS", 0.5)
    waiter = Waiter()
    assert seconds_of(waiter, Pace.WITHHELD) >= 0.45
    waiter.wake()
    assert seconds_of(waiter, Pace.WITHHELD) < 0.2


def test_what_can_wait_is_looked_at_at_once_after_a_silence_and_else_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SOON_SECONDS", 0.3)
    waiter = Waiter()
    waiter.wake(soon=True)
    assert seconds_of(waiter, Pace.IDLE) < 0.1
    waiter.wake(soon=True)
    assert 0.25 < seconds_of(waiter, Pace.DONE) < IDLE_SECONDS
    waiter.wake(soon=True)
    assert 0.25 < seconds_of(waiter, Pace.WITHHELD) < IDLE_SECONDS


def test_what_cannot_wait_ends_the_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SOON_SECONDS", 5.0)
    waiter = Waiter()
    for why in (Pace.DONE, Pace.TOLD, Pace.WITHHELD):
        waiter.wait(Pace.MORE)
        waiter.wake(soon=True)
        threading.Timer(0.1, waiter.wake).start()
        assert 0.05 < seconds_of(waiter, why) < 1.0


def test_who_told_something_looks_again_soon_without_a_nudge() -> None:
    waiter = Waiter()
    waiter.wait(Pace.MORE)
    assert seconds_of(waiter, Pace.TOLD) < IDLE_SECONDS / 2
