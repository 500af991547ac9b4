"""A thread's own connection to PostgreSQL: past Django's pool and any pooler, as chimera_system, in autocommit.

The log has a partition for every month, and a position prunes none: planning a look at it costs ten times the look. So
statements asked here are prepared, planned once and for all parameters, and never by scanning whole tables: a plan that
was made while a month was empty must not scan it when it is full. Each is one round trip and a transaction of its own.
"""

import os
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
from django.conf import settings

Row = tuple[Any, ...]
# The lock on it is to outlive no machine that fell silent, and no timeout may end one who has nothing to do.
KEPT_ALIVE = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    " -c idle_session_timeout=0 -c statement_timeout=5000 -c timezone=UTC"
)
# What is switched off is reckoned as dear before PostgreSQL 18, for which each statement would be compiled.
PLANNED_ONCE = (
    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_sort=off -c jit=off -c lock_timeout=3000"
)


class Direct:
    def __init__(self, application_name: str) -> None:
        self._name = application_name
        self._connection: psycopg.Connection[Row] | None = None
        self._cursor: psycopg.Cursor[Row] | None = None  # one for all asks: a new one knows no types yet
        self._process = 0

    def ask(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of one statement, which RETURNs some if it writes. Raises psycopg.Error.

        Where the connection turns out to be lost, it is asked once more on a new one: it must bear being repeated.
        """
        try:
            return self._ask(sql, params)
        except psycopg.OperationalError:
            if self._connection is None or not self._connection.closed:
                raise
        self.close()
        return self._ask(sql, params)

    def _ask(self, sql: str, params: Mapping[str, Any] | None) -> list[Row]:
        if self._connection is None or self._process != os.getpid():
            self._connection = self._open()
            self._cursor = self._connection.cursor()
        assert self._cursor is not None
        return self._cursor.execute(sql, params, prepare=True).fetchall()

    def _open(self) -> psycopg.Connection[Row]:
        self._process = os.getpid()  # a fork's child does not talk on its parent's connection
        made = connect(self._name, options=KEPT_ALIVE + PLANNED_ONCE)
        made.prepare_threshold = 0
        made.execute("SET ROLE chimera_system")
        return made

    def close(self) -> None:
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None and self._process == os.getpid():
            connection.close()


_of_thread = threading.local()


def ask(sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
    """`Direct.ask` on the present thread's connection. It is no part of a transaction that Django has open."""
    found: Direct | None = getattr(_of_thread, "direct", None)
    if found is None:
        found = _of_thread.direct = Direct(f"chimera-direct-{threading.current_thread().name}"[:63])
    return found.ask(sql, params)


def close() -> None:
    """The present thread's connection; a later `ask` makes another."""
    found: Direct | None = getattr(_of_thread, "direct", None)
    if found is not None:
        found.close()


def connect(application_name: str, *, options: str) -> psycopg.Connection[Row]:
    """A connection of the application's role that is in autocommit and in no pool."""
    database = settings.DATABASES["default"]
    return psycopg.connect(
        host=database.get("HOST") or None,
        port=database.get("PORT") or None,
        dbname=database["NAME"],
        user=database.get("USER") or None,
        password=database.get("PASSWORD") or None,
        application_name=application_name,
        options=options,
        connect_timeout=3,
        autocommit=True,
        prepare_threshold=None,
        **_transport(database.get("OPTIONS", {})),
    )


def _transport(options: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in options.items()
        if name.startswith(("ssl", "gss", "target_session", "channel_binding"))
    }
