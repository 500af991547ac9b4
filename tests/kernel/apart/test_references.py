"""References stay inside their tenant: each column of each table, on its way in and when it changes; statements are planned once."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, connection

from chimera.kernel import ids
from chimera.kernel.references import pairs_of
from tests import cluster
from tests.cast import Stage
from tests.kernel.world import World

WATCHED_SQL = """
SELECT c.relname, t.tgargs, p.prosrc FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgname = 'same_tenant' AND t.tgparentid = 0 ORDER BY 1
"""


def superuser(sql: str, *params: Any) -> list[Any]:
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as everything:
        answer = everything.execute(sql, params)
        return answer.fetchall() if answer.description else []


def change(sql: str, *params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def _has_an_id(table: str) -> bool:
    named = superuser("SELECT 1 FROM information_schema.columns WHERE table_name = %s AND column_name = 'id'", table)
    return bool(named)


def someones(table: str, tenant: UUID) -> UUID:
    found: UUID = superuser(f"SELECT id FROM {table} WHERE tenant_id = %s LIMIT 1", tenant)[0][0]
    return found


def test_each_reference_by_itself_is_kept_inside_its_tenant(acme: Stage, zenith: Stage, world: World) -> None:
    """A row of Zenith's with nothing in it but its tenant, what its partition needs, and one thing of Acme's."""
    own = UUID(zenith.task(zenith.session())["id"])
    tried = set()
    for table, arguments, _ in superuser(WATCHED_SQL):
        for column, target in pairs_of(bytes(arguments)).items():
            thing = someones(target, acme.tenant_id)
            row = {"tenant_id": zenith.tenant_id} | ({"id": ids.uuid7()} if _has_an_id(table) else {})
            row |= {"task_id": own} if table in ("swarm_taskresult", "swarm_taskartifact", "swarm_taskprogress") else {}
            row |= {column: thing}
            sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})"
            why = f"{target} {thing} is not of tenant {zenith.tenant_id}"
            with pytest.raises(IntegrityError, match=why) as refused, zenith.bound():
                change(sql, *row.values())
            cause = refused.value.__cause__
            assert isinstance(cause, psycopg.errors.ForeignKeyViolation)
            assert cause.diag.constraint_name is not None
            assert cause.diag.constraint_name.startswith(table)
            assert cause.diag.constraint_name.endswith("_same_tenant")
            tried.add((table, column))
    assert {("swarm_task", "agent_id"), ("swarm_taskresult", "agent_id"), ("safety_reviewcard", "task_id")} <= tried


def test_a_reference_that_changes_is_looked_at(acme: Stage, world: World) -> None:
    with pytest.raises(IntegrityError, match="is not of tenant"), acme.bound():
        change("UPDATE swarm_externalid SET task_id = %s", ids.uuid7())
    with acme.bound():
        another = "(SELECT max(id::text)::uuid FROM swarm_task)"
        assert change(f"UPDATE swarm_externalid SET task_id = {another}") == 1


def test_what_a_row_referred_to_before_may_be_gone(acme: Stage, world: World) -> None:
    """A task goes after 90 days, and what names it stays as it is."""
    superuser("SET session_replication_role = replica; DELETE FROM swarm_task")
    with acme.bound():
        assert change("UPDATE swarm_externalid SET task_id = task_id, value = 'another name'") == 1


def test_a_row_that_moves_to_another_tenant_is_looked_at_anew(zenith: Stage, world: World) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"is not of tenant {zenith.tenant_id}"):
        superuser("UPDATE swarm_externalid SET tenant_id = %s", zenith.tenant_id)


@pytest.mark.usefixtures("db")
def test_no_table_plans_its_looks_anew_for_each_row() -> None:
    """Their SQL is fixed, so PostgreSQL keeps its plans for as long as the connection lasts."""
    sources = [source for _, _, source in superuser(WATCHED_SQL)]
    assert len(sources) >= 15
    assert not [source for source in sources if "EXECUTE" in source.upper()]
