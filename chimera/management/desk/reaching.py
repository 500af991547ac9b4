"""What a command says when its database is not there: one sentence with the way out, at once, instead of a traceback or a log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, connection

CONNECT_SECONDS = 3  # of a server whose machine does not answer; one that refuses says so at once


@contextmanager
def postgresql() -> Iterator[None]:
    """CommandError when PostgreSQL is not named or not there, before anything is done, or goes away meanwhile."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # our sentence says it once
    if not settings.SERVERS["DATABASE_URL"]:
        raise CommandError("DATABASE_URL is not set: run `make up` first, or name your own PostgreSQL by it.")
    try:
        _knock()
        yield
    except (OperationalError, psycopg.OperationalError) as away:
        why = str(away).strip().splitlines()[0]
        raise CommandError(
            f"PostgreSQL (DATABASE_URL) says: {why}; is `make up` running, or your own server?"
        ) from None


def _knock() -> None:
    """The pool would ask again and again for ten seconds, and then only say that it had."""
    params = connection.get_connection_params() | {"connect_timeout": CONNECT_SECONDS}
    psycopg.connect(**params).close()
