"""Locks by name, until the end of the transaction. They give a transaction no id (docs/locking.md), as a row's lock does."""

from collections.abc import Iterable

from django.db import connection

from chimera.kernel import prepared
from chimera.kernel.prepared import Asked


def hold(name: str) -> None:
    """Wait for everybody else who holds this name. Two names may, very rarely, be one: then they wait for one another."""
    prepared.ask(*holding(name))


def holding(name: str) -> Asked:
    """The same, to be asked together with what follows it."""
    return "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s::text, 0))", {"name": name}


def share(name: str) -> None:
    """Wait for whoever holds this name; many share it, and who comes to hold it waits for all of them."""
    prepared.ask("SELECT pg_advisory_xact_lock_shared(hashtextextended(%(name)s::text, 0))", {"name": name})


def hold_all(names: Iterable[str]) -> None:
    """Several in one statement, in the order of their names, so that two who want the same do not wait in a circle."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name",
            [sorted(set(names))],
        )
