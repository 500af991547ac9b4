"""What a command says when its database is not there: one sentence with the way out, instead of a traceback or a log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError


@contextmanager
def postgresql() -> Iterator[None]:
    """CommandError when PostgreSQL is not named, before anything is done, or goes away meanwhile."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # our sentence says it once
    if not settings.SERVERS["DATABASE_URL"]:
        raise CommandError("DATABASE_URL is not set: run `make up` first, or name your own PostgreSQL by it.")
    try:
        yield
    except OperationalError as away:
        why = str(away).strip().splitlines()[0]
        raise CommandError(f"PostgreSQL (DATABASE_URL) says: {why}; is it up?") from None
