"""Prepared statements in one round trip, straight through libpq, on a connection that psycopg made.

psycopg's own pipeline takes more of the processor than asking one statement after the other: a tenth of a millisecond for
four of them, of which this takes a fifth. Values go and come as psycopg's cursors dump and load them, and errors are its own.
"""

import re
import select
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.adapt import AdaptersMap, Buffer, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.types.datetime import TimestamptzLoader

Row = tuple[Any, ...]
Params = Mapping[str, Any]
Asked = tuple[str, Params]
STATEMENTS_MAX = (
    500  # that a connection keeps; there are some dozens, a few times as many with the types of their values
)
_OUTDATED = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED, pq.ExecStatus.BAD_RESPONSE)


def run(connection: psycopg.Connection[Any], asked: Sequence[Asked], *, commit: bool = False) -> list[list[Row]]:
    """The rows of each. Begins a transaction where psycopg would have, and with `commit` ends it.

    Raises what the first that failed says; those after it were not run.
    """
    with connection.lock:
        try:
            return _Pipeline(connection).run(asked, commit=commit)
        except BaseException:
            if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
                connection.close()  # what is still on its way would be taken for the next one's
            raise


class _MomentLoader(TimestamptzLoader):
    """Django's goes by a pattern, and takes 5 µs of the processor for each moment; this takes a fifth."""

    def load(self, data: Buffer) -> datetime:
        try:
            return datetime.fromisoformat(str(data, "ascii"))  # type: ignore[arg-type]
        except ValueError:  # infinity, years before Christ
            return super().load(data)


@dataclass(slots=True)
class _Kept:
    """What a connection has prepared: names by statement and the types of its values; and how values are read."""

    adapters: AdaptersMap
    names: dict[tuple[str, Sequence[int]], bytes] = field(default_factory=dict)
    number: int = 0

    def name(self, key: tuple[str, Sequence[int]]) -> bytes:
        """Of a statement that is to be prepared: a new one, or none, which lasts for this time."""
        if len(self.names) >= STATEMENTS_MAX:
            return b""
        self.number += 1
        self.names[key] = b"ours_%d" % self.number
        return self.names[key]


def _keep(connection: psycopg.Connection[Any]) -> _Kept:
    adapters = AdaptersMap(connection.adapters)
    adapters.register_loader("timestamptz", _MomentLoader)
    kept = connection.__dict__["prepared_by_us"] = _Kept(adapters)
    return kept


class _Reading(NamedTuple):
    """What a Transformer is told."""

    connection: psycopg.Connection[Any]
    adapters: AdaptersMap


@dataclass(frozen=True, slots=True)
class _Said:
    key: tuple[str, Sequence[int]]
    query: bytes
    values: Sequence[Any]
    formats: Sequence[Any]


class _Pipeline:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection, self._pg = connection, connection.pgconn
        self._kept: _Kept = connection.__dict__.get("prepared_by_us") or _keep(connection)
        self._values = Transformer(_Reading(connection, self._kept.adapters))
        self._preparing: dict[int, _Said] = {}  # by the place of their result
        self._wanted: list[int] = []  # places of the results that are rows
        self._sent = 0

    def run(self, asked: Sequence[Asked], *, commit: bool) -> list[list[Row]]:
        said = [self._said(sql, params) for sql, params in asked]
        self._pg.enter_pipeline_mode()
        if not self._connection.autocommit and self._pg.transaction_status == pq.TransactionStatus.IDLE:
            self._say(b"BEGIN")
        for one in said:
            self._ask(one)
        if commit:
            self._say(b"COMMIT")
        self._pg.pipeline_sync()
        self._flush()
        results = self._results()
        self._pg.exit_pipeline_mode()
        self._look(results)
        return [self._rows(results[place]) for place in self._wanted]

    def _said(self, sql: str, params: Params) -> _Said:
        query, places = _parsed(sql)
        values = self._values.dump_sequence([params[name] for name in places], [PyFormat.AUTO] * len(places))
        return _Said((sql, self._values.types or ()), query, values, self._values.formats or ())

    def _say(self, command: bytes) -> None:
        self._pg.send_query_params(command, None)
        self._sent += 1

    def _ask(self, one: _Said) -> None:
        name = self._kept.names.get(one.key)
        if name is None:
            name = self._kept.name(one.key)
            self._pg.send_prepare(name, one.query, one.key[1])
            self._preparing[self._sent] = one
            self._sent += 1
        self._pg.send_query_prepared(name, one.values, one.formats)
        self._wanted.append(self._sent)
        self._sent += 1

    def _flush(self) -> None:
        while self._pg.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            self._pg.consume_input()

    def _results(self) -> list[Any]:
        """One of each statement, and none for the synchronisation that ends them."""
        found: list[Any] = []
        while True:
            while self._pg.is_busy():
                self._wait(select.POLLIN)
                self._pg.consume_input()
            result = self._pg.get_result()
            if result is None:
                if self._pg.status == pq.ConnStatus.BAD:
                    raise psycopg.OperationalError("the connection is lost")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                return found
            else:
                found.append(result)

    def _wait(self, what: int) -> None:
        waiting = select.poll()
        waiting.register(self._pg.socket, what)
        waiting.poll()

    def _look(self, results: Sequence[Any]) -> None:
        for place, one in self._preparing.items():
            if results[place].status != pq.ExecStatus.COMMAND_OK:
                self._kept.names.pop(one.key, None)
        for result in results:
            if result.status in _FAILED:
                fault = error_from_result(result, self._connection.info.encoding)
                if isinstance(fault, _OUTDATED):
                    self._kept.names.clear()  # of a table that was changed since, or of another behind a pooler: prepared anew
                raise fault

    def _rows(self, result: Any) -> list[Row]:
        if result.status != pq.ExecStatus.TUPLES_OK:
            return []
        self._values.set_pgresult(result)
        return self._values.load_rows(0, result.ntuples, tuple)


_PLACE = re.compile(r"%%|%\((\w+)\)s")


@lru_cache(STATEMENTS_MAX)
def _parsed(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """With PostgreSQL's own places, and the names of what stands in them."""
    names: list[str] = []

    def numbered(found: "re.Match[str]") -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACE.sub(numbered, sql).encode(), tuple(names)
