"""The one bridge from asynchronous code to the database: a bounded set of threads, none of them tied to a request.

`database_sync_to_async` would run every consumer's queries on one thread; unbounded threads would drain the pool.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

THREADS_MAX = 8  # half of a process's pool of connections; what comes on top waits its turn
_threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="bridge")
P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a synchronous function off the loop, in this context; its connections go back to the pool afterwards."""

    def call() -> R:
        try:
            return fn(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(call, thread_sensitive=False, executor=_threads)()
