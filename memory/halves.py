"""A vector on its way to PostgreSQL: as half floats, which are what it keeps, and not as text, which both sides would work on for long."""

import struct
from collections.abc import Sequence
from typing import Self

import numpy as np
import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format


class Halves(bytes):
    """The value of a parameter that a statement calls `halfvec`, as `halfvec_recv` of pgvector reads it: how many, a zero, and they."""

    @classmethod
    def of(cls, vector: Sequence[float]) -> Self:
        numbers = np.asarray(vector, dtype=">f2")
        return cls(struct.pack(">HH", len(numbers), 0) + numbers.tobytes())


class HalvesDumper(Dumper):
    format = Format.BINARY
    oid = 0  # whatever the statement calls it

    def dump(self, value: Halves) -> Buffer:
        return bytes(value)


def register() -> None:
    """For the connections that are made from now on."""
    psycopg.adapters.register_dumper(Halves, HalvesDumper)
