"""When each job was called for, enqueued and begun: a file that all processes map, so that noting costs no system call.

Seconds of the monotonic clock, which on Linux is one for the whole machine; 0.0 is not yet.
"""

import mmap
import os
import struct
import time
from array import array
from pathlib import Path

WIDTH = struct.calcsize("d")
CALLED, RETURNED, BEGUN = range(3)


class Stamps:
    """Three columns, one row per job number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.capacity = len(self._map) // WIDTH // 3

    @classmethod
    def create(cls, path: Path, capacity: int) -> "Stamps":
        path.write_bytes(bytes(capacity * WIDTH * 3))
        return cls(path)

    @classmethod
    def here(cls) -> "Stamps":
        return cls(Path(os.environ["BENCH_STAMPS"]))

    def note(self, column: int, number: int) -> None:
        struct.pack_into("d", self._map, (column * self.capacity + number) * WIDTH, time.monotonic())

    def column(self, column: int, first: int = 0, last: int | None = None) -> "array[float]":
        start, end = column * self.capacity + first, column * self.capacity + (self.capacity if last is None else last)
        found = array("d")
        found.frombytes(self._map[start * WIDTH : end * WIDTH])
        return found

    def begun(self) -> int:
        """How many jobs have begun, of all."""
        column = self.column(BEGUN)
        return len(column) - column.count(0.0)
