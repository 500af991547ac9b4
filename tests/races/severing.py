"""A process dies, as PostgreSQL and Redis see it: at a given moment nothing comes of it any more, and what it had begun is undone.

Every tenth death is that of its sockets: they are shut, as the kernel shuts those of a process that is killed, and the server ends
the session. For the others the transaction is aborted on the spot and the session goes to somebody else, which leaves the same
rows and locks behind without the price of a new session with its cold caches. Either is cheap enough for a thousand; real
SIGKILLs are in tests/races/dying.py.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import pq
from redis.connection import AbstractConnection

from chimera.kernel import bridge, pipelining
from chimera.kernel.postgres.base import DatabaseWrapper

SENDS: tuple[tuple[Any, str], ...] = (
    (psycopg.Cursor, "execute"),
    (psycopg.Cursor, "executemany"),
    (pipelining, "run"),
    (psycopg.Connection, "commit"),
    (AbstractConnection, "send_packed_command"),
)


class Death(BaseException):
    """No `except Exception` lives on after it."""


SHUT_EVERY = 10


def dies(*, after: int, act: Callable[[], object]) -> bool:
    """Do `act`, and die before the send that follows so many; False when it came through alive."""
    life = _Life(after)
    with _threads_of_its_own(), life.watched():
        try:
            act()
        except BaseException:
            if not life.is_over:
                raise
        finally:
            if life.is_over:
                _put_back()
    return life.is_over


class _Life:
    def __init__(self, after: int) -> None:
        self._left, self._lock = after, threading.Lock()
        self._end_of = _abort if after % SHUT_EVERY else _shut
        self.is_over = False
        self.seen: set[psycopg.Connection[Any]] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        before = [(owner, name, getattr(owner, name)) for owner, name in SENDS]
        connect = DatabaseWrapper.get_new_connection

        def connected(wrapper: Any, params: Any) -> Any:
            if self.is_over:
                raise Death
            return connect(wrapper, params)

        try:
            for owner, name, send in before:
                setattr(owner, name, self._counted(send))
            DatabaseWrapper.get_new_connection = connected  # type: ignore[method-assign]
            yield
        finally:
            DatabaseWrapper.get_new_connection = connect  # type: ignore[method-assign]
            for owner, name, send in before:
                setattr(owner, name, send)

    def _counted(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if threading.current_thread().name.startswith("pool-"):  # psycopg's own, which makes connections ahead
                return send(*args, **kwargs)
            with self._lock:
                self._note(args[0])
                if self.is_over or self._left == 0:
                    self._end()
                    raise Death
                self._left -= 1
            return send(*args, **kwargs)

        return counted

    def _note(self, by: Any) -> None:
        used = by.connection if isinstance(by, psycopg.Cursor) else by
        if isinstance(used, psycopg.Connection):
            self.seen.add(used)

    def _end(self) -> None:
        if not self.is_over:
            self.is_over = True
            for used in self.seen:
                if not used.closed:
                    self._end_of(used)


def _shut(used: psycopg.Connection[Any]) -> None:
    """Without the farewell that a client who lives says."""
    with socket.socket(fileno=os.dup(used.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)
    used.close()


def _abort(used: psycopg.Connection[Any]) -> None:
    if used.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        used.pgconn.exec_(b"ROLLBACK")


@contextmanager
def _threads_of_its_own() -> Iterator[None]:
    before, bridge._threads = bridge._threads, ThreadPoolExecutor(1, thread_name_prefix="bridge")
    try:
        yield
    finally:
        bridge._threads.submit(_put_back).result()
        bridge._threads.shutdown()
        bridge._threads = before


def _put_back() -> None:
    """What Django still believes to be open in this thread goes back to the pool, which throws away what is dead."""
    wrapper: BaseDatabaseWrapper = connections["default"]
    wrapper.in_atomic_block = wrapper.needs_rollback = wrapper.closed_in_transaction = False
    wrapper.savepoint_ids, wrapper.run_on_commit, wrapper.atomic_blocks = [], [], []
    wrapper.close()
