"""PostgreSQL keeps tenants apart, whatever the application asks: every table, raw SQL, references, threads on a pool."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.db import DataError, IntegrityError, ProgrammingError, connection, connections, transaction
from django.db.models import ForeignKey
from django.test.utils import CaptureQueriesContext

from chimera.kernel import ids, prepared, tenancy
from swarm.models import SwarmSession
from tests import cluster
from tests.cast import Stage
from tests.kernel.world import World
from tests.races.threads import at_once

THREADS, POOL, ROUNDS, TENANTS = 32, 4, 15, 8
# Written by a trigger alone, with the tenant of the row that it is about; nobody who serves may write it at all.
OF_A_TRIGGER = {"commerce_transition": "commerce_transaction"}
TABLES_SQL = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity ORDER BY 1"
TRIGGERS_SQL = """
SELECT c.relname, encode(t.tgargs, 'escape') FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgname = 'same_tenant' AND t.tgparentid = 0
"""
FOREIGN_SQL = """
SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.contype = 'f' AND c.conparentid = 0
"""


def superuser(sql: str, *params: Any) -> list[Any]:
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as everything:
        return everything.execute(sql, params).fetchall()


def ask(sql: str, *params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else [(cursor.rowcount,)]


def tables() -> list[str]:
    return [row[0] for row in superuser(TABLES_SQL)]


def rows_of(table: str) -> int:
    return int(superuser(f"SELECT count(*) FROM {table}")[0][0])


def column_of(table: str) -> str:
    return "id" if table == "swarm_tenant" else "tenant_id"


def test_the_world_has_a_row_in_every_table_of_tenants(world: World) -> None:
    assert [table for table in tables() if not rows_of(table)] == []


def test_without_a_tenant_nothing_is_seen_and_nothing_is_written(acme: Stage, world: World) -> None:
    for table in tables():
        assert ask(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert ask("UPDATE swarm_task SET priority = 1") == [(0,)]
    assert ask("DELETE FROM swarm_membership") == [(0,)]
    with pytest.raises(ProgrammingError, match="row-level security"):
        _insert("swarm_campaign", _copy("swarm_campaign", acme.tenant_id))


def test_a_tenant_sees_and_touches_its_own_rows_alone(acme: Stage, zenith: Stage, world: World) -> None:
    for table in tables():
        with zenith.bound():
            seen = {row[0] for row in ask(f"SELECT DISTINCT {column_of(table)} FROM {table}")}
        assert seen <= {zenith.tenant_id}, table
    with zenith.bound():
        assert ask("UPDATE swarm_task SET priority = 1") == [(0,)]
        assert ask("DELETE FROM kernel_answer") == [(0,)]
        assert ask("SELECT count(*) FROM swarm_task WHERE tenant_id = %s", acme.tenant_id) == [(0,)]


def test_a_tenant_that_is_no_uuid_sees_nothing(world: World) -> None:
    with transaction.atomic():
        ask("SELECT set_config('chimera.tenant', '', true)")
        assert ask("SELECT count(*) FROM swarm_task") == [(0,)]


def test_the_binding_ends_with_its_transaction(acme: Stage, world: World) -> None:
    with acme.bound():
        assert ask("SELECT count(*) FROM swarm_task") != [(0,)]
    assert ask("SELECT current_setting('chimera.tenant', true)") in ([("",)], [(None,)])
    with pytest.raises(ZeroDivisionError):
        with acme.bound():
            raise ZeroDivisionError
    assert ask("SELECT count(*) FROM swarm_task") == [(0,)]
    with pytest.raises(LookupError):
        tenancy.current()


def _by_savepoint() -> int:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError
    return len(ask("SELECT id FROM swarm_swarmsession"))


def _by_what_fails() -> int:
    with pytest.raises(DataError), transaction.atomic():
        prepared.ask("SELECT 1 / 0", {})
    return len(ask("SELECT id FROM swarm_swarmsession"))


def _by_what_is_never_sent() -> int:
    with pytest.raises(DataError):
        prepared.ask("SELECT %(text)s::text", {"text": "\x00"})
    return len(prepared.ask("SELECT id FROM swarm_swarmsession", {}))


def _while_watched() -> int:
    with CaptureQueriesContext(connection) as seen:
        found = len(prepared.ask("SELECT id FROM swarm_swarmsession", {}))
    assert ["set_config" in query["sql"] for query in seen.captured_queries] == [True, False]
    return found


FIRST = {
    "the ORM": lambda: SwarmSession.objects.count(),
    "a cursor": lambda: len(ask("SELECT id FROM swarm_swarmsession")),
    "a cursor of the server's": lambda: len(list(SwarmSession.objects.iterator())),
    "a kept statement": lambda: len(prepared.ask("SELECT id FROM swarm_swarmsession", {})),
    "several": lambda: len(prepared.ask_all([("SELECT 1", {}), ("SELECT id FROM swarm_swarmsession", {})])[1]),
    "a savepoint that is undone": _by_savepoint,
    "a statement that fails": _by_what_fails,
    "a statement that cannot be sent": _by_what_is_never_sent,
    "a watched one": _while_watched,
}


@pytest.mark.parametrize("first", FIRST)
def test_whatever_is_asked_first_the_transaction_is_bound_before_it(acme: Stage, world: World, first: str) -> None:
    with acme.bound():
        assert FIRST[first]() == len(ask("SELECT id FROM swarm_swarmsession")) > 0
        assert ask("SELECT current_setting('chimera.tenant')") == [(str(acme.tenant_id),)]


def test_what_is_asked_past_everything_sees_nothing_rather_than_too_much(acme: Stage, world: World) -> None:
    with acme.bound():
        connection.ensure_connection()
        assert connection.connection.execute("SELECT count(*) FROM swarm_swarmsession").fetchone() == (0,)
        assert ask("SELECT count(*) FROM swarm_swarmsession") != [(0,)]


def test_a_transaction_stays_with_its_tenant(acme: Stage, zenith: Stage) -> None:
    with acme.bound():
        with acme.bound():
            assert tenancy.current() == acme.tenant_id
        with pytest.raises(RuntimeError, match="another tenant"), zenith.bound():
            pass
        with pytest.raises(RuntimeError, match="bound to a tenant"), tenancy.system():
            pass
    with tenancy.system(), pytest.raises(RuntimeError, match="cannot be bound"), acme.bound():
        pass


def test_work_across_tenants_sees_all_and_ends_with_its_transaction(acme: Stage, zenith: Stage, world: World) -> None:
    with tenancy.system():
        assert ask("SELECT count(DISTINCT id) FROM swarm_tenant") == [(2,)]
        assert ask("SELECT current_user::text") == [("chimera_system",)]
    assert ask("SELECT current_user::text") == [("chimera_app",)]
    assert ask("SELECT count(*) FROM swarm_tenant") == [(0,)]


def test_no_row_is_written_for_another_tenant(acme: Stage, zenith: Stage, world: World) -> None:
    """Each table in turn: a row that says it is Acme's, from a transaction of Zenith's."""
    for table in tables():
        refusal = f"permission denied for table {table}" if table in OF_A_TRIGGER else "row-level security policy"
        with pytest.raises(ProgrammingError, match=refusal), zenith.bound():
            _insert(table, _copy(table, acme.tenant_id))


def test_no_row_refers_to_another_tenants(acme: Stage, zenith: Stage, world: World) -> None:
    """Foreign keys do not ask row-level security; the trigger does, for Zenith's row that names Acme's things."""
    for table, args in superuser(TRIGGERS_SQL):
        row = _copy(table, acme.tenant_id) | {"tenant_id": str(zenith.tenant_id)}
        if not any(row[column] for column, _ in _pairs(args)):  # it names nothing yet
            row |= {column: _someones(target, acme.tenant_id) for column, target in _pairs(args)}
        with pytest.raises(IntegrityError, match=f"is not of tenant {zenith.tenant_id}"), zenith.bound():
            _insert(table, row)


def test_no_row_is_moved_to_another_tenants(zenith: Stage, world: World) -> None:
    session = zenith.session()["id"]
    with pytest.raises(IntegrityError, match=r"swarm_campaign .* is not of tenant"), zenith.bound():
        SwarmSession.objects.filter(pk=session).update(campaign_id=world.ids["campaign_id"])
    with pytest.raises(ProgrammingError, match="row-level security policy"), zenith.bound():
        SwarmSession.objects.filter(pk=session).update(tenant_id=ids.uuid7())


@pytest.mark.usefixtures("db")
def test_every_reference_between_tenants_tables_is_watched() -> None:
    """Each foreign key from one of them to another stands among its table's watched columns, and so do those of models
    whose constraint was left out because tasks go after 90 days."""
    guarded = set(tables())
    watched = {(table, column, target) for table, args in superuser(TRIGGERS_SQL) for column, target in _pairs(args)}
    declared = {tuple(row) for row in superuser(FOREIGN_SQL) if row[0] in guarded and row[2] in guarded}
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and model._meta.db_table in guarded:
                target = field.related_model._meta.db_table  # type: ignore[union-attr]
                declared |= {(model._meta.db_table, field.column, target)} if target in guarded else set()
    unwatched = {(table, target) for table, _, target in declared - watched}
    assert unwatched == set(OF_A_TRIGGER.items())
    assert watched <= declared


def _pairs(args: str) -> Iterator[tuple[str, str]]:
    words = args.split("\\000")[:-1]
    return zip(words[::2], words[1::2], strict=True)


def _copy(table: str, tenant: UUID) -> dict[str, Any]:
    """A row of a tenant, under an id of its own, so that no other rule refuses it first."""
    sql = f"SELECT to_jsonb(t) FROM {table} t WHERE {column_of(table)} = %s LIMIT 1"
    found: dict[str, Any] = superuser(sql, tenant)[0][0]
    return found | ({"id": str(ids.uuid7())} if isinstance(found.get("id"), str) else {})


def _someones(table: str, tenant: UUID) -> str:
    return str(superuser(f"SELECT id FROM {table} WHERE {column_of(table)} = %s LIMIT 1", tenant)[0][0])


def _insert(table: str, row: dict[str, Any]) -> None:
    sql = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = '' AND NOT attisdropped"
    columns = ", ".join(name for (name,) in ask(sql, table))
    ask(
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s)",
        json.dumps(row),
    )


@contextmanager
def pool_of(size: int) -> Iterator[None]:
    options = connections["default"].settings_dict["OPTIONS"]
    usual = options["pool"]
    connections["default"].close()
    connections["default"].close_pool()
    options["pool"] = usual | {"max_size": size}
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"].close_pool()
        options["pool"] = usual


@pytest.fixture(scope="module")
def many(db: None) -> list[UUID]:
    """Tenants, each with one session of its name."""
    made = [ids.uuid7() for _ in range(TENANTS)]
    for number, tenant in enumerate(made):
        with tenancy.bound(tenant):
            ask(
                "INSERT INTO swarm_tenant (id, name, time_zone, created_at) VALUES (%s, %s, 'UTC', now())",
                tenant,
                f"T{number}",
            )
            SwarmSession.objects.create(name=str(tenant))
    return made


def test_threads_on_a_small_pool_never_see_each_others_rows(many: list[UUID]) -> None:
    meeting = threading.Barrier(THREADS)

    def work(number: int) -> set[str]:
        seen: set[str] = set()
        meeting.wait(30)
        for turn in range(ROUNDS):
            tenant = many[(number + turn) % TENANTS]
            if SwarmSession.objects.exists():
                seen.add("something without a tenant")
            try:
                with tenancy.bound(tenant):
                    found = set(SwarmSession.objects.values_list("name", flat=True))
                    seen |= found - {str(tenant)}
                    if turn % 3 == 0:
                        raise ZeroDivisionError  # A connection comes back to the pool from a failure too.
            except ZeroDivisionError:
                pass
            finally:
                connections["default"].close()  # back to the pool, as after each request
        return seen

    with pool_of(POOL):
        answers = at_once([lambda number=number: work(number) for number in range(THREADS)])
    assert answers == [set()] * THREADS


def test_control_a_binding_of_the_session_leaks_through_the_pool(many: list[UUID]) -> None:
    """What the rule forbids (DESIGN 4), so that the test above is known to see it."""
    with pool_of(1):
        ask("SELECT set_config('chimera.tenant', %s, false)", str(many[0]))
        connections["default"].close()
        assert set(SwarmSession.objects.values_list("name", flat=True)) == {str(many[0])}
