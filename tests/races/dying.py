"""Processes that die by SIGKILL at a given moment: nothing is rolled back, closed or tidied up by them.

What has happened outside a process changes only when it sends something to PostgreSQL, to Redis or by HTTP. So two lines with nothing
sent between them are one and the same death, and dying once right after each send is dying at every line.
"""

import gc
import os
import signal
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar

import httpx
import psycopg
from django.db import connections
from redis.connection import AbstractConnection

from chimera.kernel import bridge, pipelining

os.environ.setdefault(
    "GRPC_ENABLE_FORK_SUPPORT", "false"
)  # else it writes to what it takes for its own descriptors in the child

T = TypeVar("T")
STILL_SECONDS = 20.0  # a child takes a tenth of one
STILL_MAX = 5  # of one run; more are no accident
stood_still: list[int] = []


def at_every_line(
    prepare: Callable[[], T],
    act: Callable[[T], object],
    afterwards: Callable[[T], object],
    *,
    mark: Callable[[], Any],
    before_each: Callable[[], object] = lambda: None,
    dies: Callable[..., bool] | None = None,
) -> int:
    """Let a process die at every line of `act` in turn, on a scene that `prepare` makes; answers how many deaths those were.

    As long as `mark` says that a death left no trace, the next one meets the same scene. After one that did, and after
    the one who came through, `afterwards` carries the scene to its end and judges it. `dies` is another way to die than SIGKILL.
    """
    dies = dies or _dies
    scene, number, before = prepare(), 0, mark()
    while True:
        before_each()
        died = dies(after=number, act=lambda scene=scene: act(scene))  # type: ignore[misc]
        if not died:
            afterwards(scene)
            return number
        number += 1
        if mark() != before:
            afterwards(scene)
            scene, before = prepare(), mark()


def _dies(*, after: int, act: Callable[[], object]) -> bool:
    """Do `act` in a child process that dies after so many sends; False when it came through alive."""
    pid = os.fork()
    if pid == 0:
        _live_and_die(after, act)
    status = _waited_for(pid)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed before its time; see the captured output"
    return False


def _waited_for(pid: int) -> int:
    """The child's end. One that stands still is killed, which is a death like any other, at a line of its own choice.

    A fork takes along the locks that other threads held at that moment, of C libraries too; so a child may stand still.
    """
    deadline = time.monotonic() + STILL_SECONDS
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            stood_still.append(pid)
            assert len(stood_still) <= STILL_MAX, f"{len(stood_still)} children stood still"
            return os.waitpid(pid, 0)[1]
        time.sleep(0.002)


def _live_and_die(after: int, act: Callable[[], object]) -> NoReturn:
    gc.disable()  # it would touch, and so copy, all of the parent's memory
    bridge._threads = ThreadPoolExecutor(1)  # the parent's threads did not come along,
    _leave_to_the_parent()
    options = connections.settings["default"]["OPTIONS"]
    options.pop("pool")  # nor those of its pool;
    options |= {"sslmode": "disable", "gssencmode": "disable"}  # and the locks of these libraries may be held for ever
    _Sends(after)
    code = 1
    try:
        act()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


_left: list[Any] = []


def _leave_to_the_parent() -> None:
    """Its connections and its pool: kept, so that nobody here ends them, and never used."""
    ours = connections["default"]
    _left.extend([ours.connection, dict(ours._connection_pools)])
    ours.connection = None
    ours._connection_pools.clear()


class _Sends:
    """Counts what leaves this process: statements, ends of transactions, commands, calls by HTTP. After the last that it may send it dies."""

    def __init__(self, most: int) -> None:
        self.left = most
        self._die_if_none_is_left()
        for owner, name in (
            (psycopg.Cursor, "execute"),
            (psycopg.Cursor, "executemany"),
            (pipelining, "run"),
            (psycopg.Connection, "commit"),
            (psycopg.Connection, "rollback"),
            (AbstractConnection, "send_packed_command"),
            (httpx.Client, "request"),
        ):
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            answer = send(*args, **kwargs)
            self.left -= 1
            self._die_if_none_is_left()
            return answer

        return counted

    def _die_if_none_is_left(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
