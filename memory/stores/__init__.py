"""Where memories are looked up. `store()` is the one place where it is decided which index is asked.

A store proposes ids; PostgreSQL, which holds every text and vector, judges them (memory.search): visibility, filters
and scores never depend on an index that may lag behind.
"""

from memory.stores.port import Store
from memory.stores.postgres import PostgresStore

__all__ = ["PostgresStore", "Store", "store"]

_postgres = PostgresStore()


def store() -> Store:
    return _postgres
