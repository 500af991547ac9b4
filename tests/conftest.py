"""The ground of every test: a migrated database on private servers, emptied after each test, and a fixed cast.

Rows are committed, as in life: the event log shows nothing of an open transaction. The schema is made by the owner, a
plain role; the tests act as the application's role, and only the emptying is the superuser's.
"""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from chimera.kernel import redis
from tests import cluster
from tests.cast import Stage, found


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Migrate once. The database itself was made by tests.cluster."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        yield
        connections.close_all()


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Committed rows; everything is emptied afterwards."""
    with django_db_blocker.unblock():
        yield
        connections["default"].close()
        empty()


_KEPT = ("django_migrations", "django_content_type", "auth_permission", "kernel_xidbase", "kernel_partitioned")


def empty() -> None:
    """Every table that has rows, apart from what migrations wrote; then Redis.

    As superuser with triggers and foreign keys off: TRUNCATE of partitioned tables takes a second and more, deleting a
    few rows milliseconds.
    """
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as connection:
        rows = connection.execute(
            """
            SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL(%s)
            """,
            [list(_KEPT)],
        )
        tables = [row[0] for row in rows]
        full = connection.execute(" UNION ALL ".join(f"(SELECT '{t}' FROM {t} LIMIT 1)" for t in tables)).fetchall()
        if full:
            deletes = "; ".join(f"DELETE FROM {table}" for (table,) in full)
            connection.execute(f"SET session_replication_role = replica; {deletes}")
    redis.try_again()
    redis.client().flushall()


@pytest.fixture
def acme(db: None) -> Stage:
    """Tenant Acme (Europe/Lisbon): Ada and Bob work, Pia plans, Jude judges; Rita reviews, Otto operates, Fay has the money."""
    return found("Acme", time_zone="Europe/Lisbon")


@pytest.fixture
def zenith(db: None) -> Stage:
    """Another tenant with a cast of its own, who must never see anything of Acme."""
    return found("Zenith", time_zone="America/New_York")


@pytest.fixture
def settle(db: None) -> Callable[[], None]:
    """Run the relay's lanes in this process until nothing is left to do."""
    from tests.lanes import settle as run

    return run
