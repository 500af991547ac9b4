"""After a test: every table that has rows is emptied, apart from what migrations wrote; then Redis.

As superuser with triggers and foreign keys off: TRUNCATE of partitioned tables takes a second and more, deleting a few rows
milliseconds. The connection stays, and what it says is planned once: this is done after each of thousands of tests.
"""

import psycopg

from chimera.kernel import redis
from tests import cluster

KEPT = ("django_migrations", "django_content_type", "auth_permission", "kernel_xidbase", "kernel_partitioned")
_TABLES = """
    SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL(%s)
    ORDER BY c.relname
"""
_connection: psycopg.Connection | None = None


def empty() -> None:
    global _connection
    try:
        _empty(_connection or _connect())
    except psycopg.OperationalError:  # a test has killed the server under it
        _connection = None
        _empty(_connect())
    redis.try_again()
    redis.client().flushall()


def _connect() -> psycopg.Connection:
    global _connection
    _connection = psycopg.connect(cluster.postgres.urls.superuser, autocommit=True)
    _connection.execute("SET session_replication_role = replica")
    return _connection


def _empty(connection: psycopg.Connection) -> None:
    tables = [table for (table,) in connection.execute(_TABLES, [list(KEPT)], prepare=True)]
    any_row = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in tables)
    full = connection.execute(any_row.encode(), prepare=True).fetchall()
    with connection.pipeline():
        for (table,) in full:
            connection.execute(f"DELETE FROM {table}".encode(), prepare=True)
