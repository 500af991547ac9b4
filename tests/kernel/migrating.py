"""Migrations on a database of their own, in a process of their own: forward, each app step by step back and forward, to zero, forward.

Run as `python -m tests.kernel.migrating` with DATABASE_URL and DATABASE_OWNER_URL of an empty database. Every step meets
rows. Prints what it did; ends with an assertion when a step does not come out as it should.
"""

import sys
from typing import Any

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connections, transaction  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from chimera.kernel.entrance import attempts  # noqa: E402
from tests.cast import found  # noqa: E402
from tests.kernel.world import made_by  # noqa: E402
from tests.lanes import settle  # noqa: E402

APPS = ("memory", "safety", "commerce", "swarm", "kernel")  # each before what it needs
CATALOG_SQL = """
SELECT 'column', c.relname, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace IN ('public'::regnamespace, 'chimera_parts'::regnamespace) AND contype <> 'n'
UNION ALL
SELECT 'index', schemaname || '.' || tablename, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'chimera_parts')
UNION ALL
SELECT 'policy', tablename, concat(policyname, roles, cmd, qual, with_check) FROM pg_policies
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', proname, concat(pg_get_functiondef(p.oid), proacl)
FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND proname ~ '^(chimera|kernel|swarm|commerce|safety|memory)_'
UNION ALL
SELECT 'grant', relname, concat(relkind, relacl, relrowsecurity, relforcerowsecurity) FROM pg_class
WHERE relnamespace IN ('public'::regnamespace, 'chimera_parts'::regnamespace) AND relkind IN ('r', 'p', 'S')
"""
OURS_SQL = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S') AND (n.nspname = 'chimera_parts'
      OR n.nspname = 'public' AND c.relname ~ '^(kernel|swarm|commerce|safety|memory)_')
UNION ALL
SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND proname ~ '^(chimera|kernel|swarm|commerce|safety|memory)_'
"""
VECTORS_SQL = "SELECT memory_id, tenant_id, model, md5(embedding::text) FROM memory_memoryvector ORDER BY memory_id"
STRANGERS_ROW_SQL = """
INSERT INTO swarm_externalid (id, tenant_id, value, task_id)
SELECT gen_random_uuid(), gen_random_uuid(), 'a stranger''s', id FROM swarm_task LIMIT 1 RETURNING id
"""


def ask(sql: str) -> list[tuple[object, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")


def migrate(*to: str) -> None:
    call_command("migrate", *to, verbosity=0)
    say("migrated", *to)


def walk(app: str, *, back_to: str) -> None:
    """Down and up again in one plan each way, for a plan costs more than its steps; after each step the rows are still kept apart."""
    names, seen = names_of(app), []

    def after(progress: str, migration: Any = None, fake: bool = False) -> None:
        if progress in ("unapply_success", "apply_success"):
            keeps_tenants_apart()
            seen.append((progress, migration.app_label, migration.name))

    for to in (back_to, names[-1]):
        executor = MigrationExecutor(connections["owner"], after)
        executor.migrate([(app, to)])
    back, forward = [("unapply_success", app, n) for n in names[:0:-1]], [("apply_success", app, n) for n in names[1:]]
    assert seen == back + forward, seen
    say("walked", app)


def fill(tenant: str) -> None:
    """Rows in every table of ours, made as the application."""
    made_by(found(tenant), settle)
    attempts.begin(name="nobody", address="192.0.2.1", what=attempts.What.PASSWORD, user_id=None)
    connections["default"].close()
    tables = [m._meta.db_table for m in apps.get_models() if m._meta.app_label in APPS and m._meta.managed]
    empty = [table for table in tables if not ask(f"SELECT 1 FROM {table} LIMIT 1")]
    assert not empty, f"no rows in {empty}"
    say("filled", tenant)


def keeps_tenants_apart() -> None:
    """What refers to another tenant's row is refused, with the schema as it stands now."""
    refusal = ""
    try:
        with transaction.atomic(using="owner"):
            ask(STRANGERS_ROW_SQL)
    except IntegrityError as refused:
        refusal = str(refused)
    assert "is not of tenant" in refusal, "a row that refers to another tenant's was written"


def names_of(app: str) -> list[str]:
    """In the order in which they are applied, which their numbers need not be."""
    graph = MigrationLoader(None).graph
    plan = graph.forwards_plan(*graph.leaf_nodes(app))
    return [name for label, name in plan if label == app]


def check(catalog: list[tuple[object, ...]], what: str) -> None:
    now = sorted(ask(CATALOG_SQL))
    assert now == catalog, f"{what} does not come back as it was: {sorted(set(catalog) ^ set(now))[:6]}"


def main() -> None:
    setup_test_environment()
    migrate()
    catalog = sorted(ask(CATALOG_SQL))
    fill("Acme")
    vectors = ask(VECTORS_SQL)
    for app in APPS:
        walk(app, back_to=names_of(app)[0])
        assert ask(VECTORS_SQL) == vectors, "vectors were lost, or are others"
        assert sorted(ask(CATALOG_SQL)) == catalog, f"{app} does not come back as it was, step by step"
    for app in APPS[:3]:
        migrate(app, "zero")
        migrate(app)
        check(catalog, app)
    for app in APPS:
        migrate(app, "zero")
    left = [str(row[0]) for row in ask(OURS_SQL)]
    assert not left, f"left behind: {left}"
    migrate()
    check(catalog, "the house")
    fill("Baltic")


if __name__ == "__main__":
    main()
