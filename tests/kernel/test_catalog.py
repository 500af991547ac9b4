"""What the models declare exists in PostgreSQL: columns, constraints, indexes, foreign keys, on every partition too."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connections, models

OURS = ("kernel", "swarm", "commerce", "safety", "memory")
MODELS = {
    m._meta.label: m for m in apps.get_models() if m._meta.app_label in OURS and m._meta.managed and not m._meta.proxy
}
BESIDE_THE_MODELS = {
    "memory.MemoryVector": {"sketch"}
}  # generated for an index alone (memory.vectors_sql): no query of a row reads it
pytestmark = pytest.mark.usefixtures("db")


FOREIGN_SQL = """
SELECT a.attname, f.confrelid::regclass::text, k.attname FROM pg_constraint f
JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
JOIN pg_attribute k ON k.attrelid = f.confrelid AND k.attnum = f.confkey[1]
WHERE f.contype = 'f' AND f.conparentid = 0 AND f.conrelid = %s::regclass
"""


def owner(sql: str, *params: Any) -> list[Any]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def in_catalog(table: str) -> dict[str, Any]:
    with connections["owner"].cursor() as cursor:
        return connections["owner"].introspection.get_constraints(cursor, table)  # type: ignore[no-any-return]


@pytest.mark.parametrize("label", sorted(MODELS))
def test_columns_are_as_declared(label: str) -> None:
    model = MODELS[label]
    sql = """
        SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    """
    there = {name: (kind, not_null) for name, kind, not_null in owner(sql, model._meta.db_table)}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.CompositePrimaryKey):
            continue
        kind, not_null = there.pop(field.column)
        generated = isinstance(field, models.GeneratedField)
        stored = field.output_field if generated else field
        assert kind == _spelled(stored.db_type(connections["owner"]) or ""), field
        assert not_null != (field.null or generated), field
    assert set(there) == BESIDE_THE_MODELS.get(label, set()), "columns that no model knows"


def _spelled(declared: str) -> str:
    """As PostgreSQL writes the types that Django writes shorter."""
    name, bracket, rest = declared.replace(", ", ",").partition("(")
    return {"varchar": "character varying"}.get(name, name) + bracket + rest


@pytest.mark.parametrize("label", sorted(MODELS))
def test_constraints_and_indexes_are_there_and_valid(label: str) -> None:
    model = MODELS[label]
    there = in_catalog(model._meta.db_table)
    for constraint in model._meta.constraints:
        assert constraint.name in there, constraint
        found = there[constraint.name]
        assert found["check"] if isinstance(constraint, models.CheckConstraint) else found["unique"], constraint
    for index in model._meta.indexes:
        assert there[index.name]["index"], index
    unvalidated = owner(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND NOT convalidated", model._meta.db_table
    )
    invalid = owner(
        "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = %s::regclass AND NOT indisvalid",
        model._meta.db_table,
    )
    assert (unvalidated, invalid) == ([], [])


@pytest.mark.parametrize("label", sorted(MODELS))
def test_keys_are_there(label: str) -> None:
    model = MODELS[label]
    table = model._meta.db_table
    there = in_catalog(table).values()
    (primary,) = [found["columns"] for found in there if found["primary_key"]]
    assert primary == [field.column for field in model._meta.pk_fields]
    foreign = {column: (target, key) for column, target, key in owner(FOREIGN_SQL, table)}
    leading = {found["columns"][0] for found in there if (found["index"] or found["unique"]) and found["columns"]}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey) and field.db_constraint:
            target = field.related_model._meta  # type: ignore[union-attr]
            assert foreign.pop(field.column) == (target.db_table, target.get_field(field.target_field.name).column)
        if getattr(field, "db_index", False) or field.unique:
            assert field.column in leading, field
    assert foreign == {}, "foreign keys that no model knows"


def test_every_partition_has_the_indexes_and_constraints_of_its_parent() -> None:
    """And its triggers for rows: those for statements are not handed on (docs/adr/0080-the-database-keeps-the-ledger.md)."""
    sql = """
        SELECT p.relname, c.relname,
               (SELECT count(*) FROM pg_index i WHERE i.indrelid = p.oid), (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid AND indisvalid),
               (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = p.oid AND contype <> 'n' AND conparentid = 0),
               (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid AND contype <> 'n'),
               (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = p.oid AND NOT tgisinternal AND tgtype & 1 = 1),
               (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT tgisinternal AND tgtype & 1 = 1)
        FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent JOIN pg_class c ON c.oid = h.inhrelid
        WHERE p.relkind = 'p'
    """
    rows = owner(sql)
    assert len(rows) > 60
    for parent, part, *counts in rows:
        assert counts[0::2] == counts[1::2], (parent, part, counts)


def test_statements_that_are_planned_once_are_not_compiled_each_time() -> None:
    """Whatever the server is told: one of somebody's own compiles what looks dear, each time that it runs."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT setting, source FROM pg_settings WHERE name = 'jit'")
        assert cursor.fetchone() == ("off", "client")
