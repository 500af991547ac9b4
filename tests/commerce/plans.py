"""A ledger with so many rows that PostgreSQL plans by its indexes."""

import psycopg

from tests import cluster

_COPY = """
    INSERT INTO commerce_transaction
    SELECT (jsonb_populate_record(t, jsonb_build_object('id', left(t.id::text, 24) || lpad(to_hex(n), 12, '0')))).*
    FROM commerce_transaction t, generate_series(1, 3000) n
"""
_OF = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
    WHERE p.relname = ANY(%s)
"""


def filled(*indexes: str) -> list[str]:
    """3 000 copies of each row that is there. Answers what these indexes are called in the months' partitions."""
    with psycopg.connect(cluster.postgres.urls.superuser) as owner:
        owner.execute("SET session_replication_role = replica")  # the ledger takes no row but a spend's own
        owner.execute(_COPY)
        owner.commit()
        owner.execute("ANALYZE commerce_transaction")
        return [name for (name,) in owner.execute(_OF, [list(indexes)])]
