"""An erasure that is carried out beside somebody who has read, and has not written yet."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from django.db import connections

from chimera.housekeeping import erase_memories
from tests.processes import proc


@contextmanager
def erasing_after(reader: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever calls `reader.name` in this block goes on from it once an erasure, begun then, waits for a lock or is over."""
    read, has_read = getattr(reader, name), Event()

    def slowly(*args: Any, **more: Any) -> Any:
        answer = read(*args, **more)
        has_read.set()
        proc.until(lambda: _waits_for_a_lock() or eraser.done())
        return answer

    def erase() -> None:
        try:
            assert has_read.wait(20)
            erase_memories()
        finally:
            connections.close_all()

    monkeypatch.setattr(reader, name, slowly)
    with ThreadPoolExecutor(1) as pool:
        eraser = pool.submit(erase)
        yield
        eraser.result(30)


def _waits_for_a_lock() -> bool:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])
