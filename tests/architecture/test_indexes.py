"""Every index is written with every row: none repeats what another knows."""

import pytest
from django.db import connection, connections, transaction

# By columns and their order of sorting; a unique one is a rule, and one for `LIKE` sorts in another way.
REPEATED_SQL = """
SELECT t.relname, a.indexrelid::regclass::text, b.indexrelid::regclass::text
FROM pg_index a JOIN pg_index b USING (indrelid) JOIN pg_class t ON t.oid = a.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND t.relname ~ '^(kernel|swarm|commerce|safety|memory)_'
  AND a.indexrelid <> b.indexrelid AND NOT a.indisunique
  AND a.indexprs IS NULL AND b.indexprs IS NULL AND b.indpred IS NULL AND a.indpred IS NULL
  AND a.indkey::text || ' ' = left(b.indkey::text || ' ', length(a.indkey::text) + 1)
  AND a.indclass::text || ' ' = left(b.indclass::text || ' ', length(a.indclass::text) + 1)
"""


@pytest.mark.usefixtures("db")
def test_no_index_is_the_beginning_of_another() -> None:
    with connection.cursor() as cursor:
        cursor.execute(REPEATED_SQL)
        assert cursor.fetchall() == []


@pytest.mark.usefixtures("db")
def test_control_an_index_that_repeats_another_is_seen() -> None:
    """On a table of its own: what CREATE INDEX counts of a table outlives a rollback, and later plans go by it."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE kernel_again (one int, two int)")
        cursor.execute("CREATE INDEX pair ON kernel_again (one, two); CREATE INDEX again ON kernel_again (one)")
        cursor.execute(REPEATED_SQL)
        assert cursor.fetchall() == [("kernel_again", "again", "pair")]
        transaction.set_rollback(True, using="owner")
