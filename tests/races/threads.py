"""Real threads with real connections: all at once, or one held exactly where it hurts while another waits for it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connections

from tests import cluster

PATIENCE_SECONDS = 60.0  # of the tests; the database's own lock_timeout is 3 s


class InBackground(threading.Thread):
    """A call in a thread of its own, with its own connection; `answer()` waits for what it returned or raised."""

    def __init__(self, call: Callable[[], Any], barrier: threading.Barrier | None = None) -> None:
        super().__init__(daemon=True)
        self._call, self._barrier = call, barrier
        self._answer: Any = None
        self.start()

    def run(self) -> None:
        try:
            if self._barrier:
                self._barrier.wait(PATIENCE_SECONDS)
            self._answer = self._call()
        except Exception as error:
            self._answer = error
        finally:
            connections.close_all()

    def answer(self) -> Any:
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive(), "still waiting"
        return self._answer


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """All at the same moment; what each returned, or raised."""
    barrier = threading.Barrier(len(calls))
    return [thread.answer() for thread in [InBackground(call, barrier) for call in calls]]


class Hold:
    """Whoever calls the held function first stays in it, all its locks held, until `release`."""

    def __init__(self) -> None:
        self._reached, self._released = threading.Event(), threading.Event()
        self._first = threading.Lock()

    def stay(self) -> None:
        if self._first.acquire(blocking=False):
            self._reached.set()
            assert self._released.wait(PATIENCE_SECONDS)

    def wait_reached(self) -> None:
        assert self._reached.wait(PATIENCE_SECONDS)

    def release(self) -> None:
        self._released.set()


@contextmanager
def held_after(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Iterator[Hold]:
    """The first call of `module.name` stays at its end."""
    hold, original = Hold(), getattr(module, name)

    def held(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        hold.stay()
        return found

    monkeypatch.setattr(module, name, held)
    try:
        yield hold
    finally:
        hold.release()


def wait_for_waiters(number: int = 1, *, asking: str = "") -> None:
    """Until so many transactions wait for a lock, in a statement with these words."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    sql = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, %s) > 0
    """
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as connection:
        while True:
            row = connection.execute(sql, [asking]).fetchone()
            if row and row[0] >= number:
                return
            assert time.monotonic() < deadline, f"{row} waiters instead of {number}"
            time.sleep(0.005)
