"""Django's PostgreSQL backend, whose pool is of use again as soon as a server that died is back.

By itself psycopg_pool pauses longer and longer (1, 2, 4 … s) between the dead connections that it finds lying idle, so
that a process which had been busy would answer nothing for ten seconds after a restart.
"""

import select
import time
from typing import Any

from django.db.backends.postgresql import base, operations
from psycopg import OperationalError
from psycopg_pool import ConnectionPool

from chimera.kernel import pipelining

FRESH_SECONDS = 1.0  # so long after its last answer a connection is asked again only if something came in meanwhile


class DatabaseOperations(operations.DatabaseOperations):  # type: ignore[misc]
    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """For the log of statements; one that goes in a pipeline has not been executed yet."""
        return super().last_executed_query(cursor, sql, params) or sql


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """Wants OPTIONS["pool"], and CONN_HEALTH_CHECKS off: what the pool hands out is looked at here."""

    ops_class = DatabaseOperations
    first: pipelining.Asked | None = None  # what is asked before whatever comes next (prepared.ask_first)

    def _cursor(self, name: str | None = None) -> Any:
        """For the ORM, savepoints, and whoever else asks past `prepared`."""
        asked, self.first = self.first, None
        if asked is not None:
            try:
                self._ask(*asked)
            except Exception:
                self.first = asked
                raise
        return super()._cursor(name)  # type: ignore[misc]

    def _ask(self, sql: str, params: pipelining.Params) -> None:
        self.ensure_connection()
        if self.execute_wrappers or self.queries_logged:
            with super()._cursor() as cursor:  # type: ignore[misc]  # for whoever looks on
                cursor.execute(sql, params)
        else:
            with self.wrap_database_errors:
                pipelining.run(self.connection, [(sql, params)])

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that answers. Raises PoolTimeout when none could be made within the pool's `timeout`."""
        while not _answers(connection := super().get_new_connection(conn_params)):
            self.pool.putconn(connection)
            self.pool.check()  # its idle neighbours died with it: they are replaced together
        return connection


def _answers(connection: Any) -> bool:
    """Asks it, unless it has answered a moment ago and is still: a server that ends says so, or its system does for it."""
    if time.monotonic() - getattr(connection, "answered_at", 0.0) < FRESH_SECONDS and _is_still(connection):
        return True
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        return False
    connection.answered_at = time.monotonic()
    return True


def _is_still(connection: Any) -> bool:
    """Nothing is there to be read, not even the end."""
    try:
        socket = connection.pgconn.socket
    except OperationalError:
        return False
    looking = select.poll()
    looking.register(socket, select.POLLIN)
    return not looking.poll(0)
