"""Monthly partitions by id: rows lie where their id says, queries by time prune, months exist ahead, old ones go quietly."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import ProgrammingError, connection, connections
from django.db.models import Model

from chimera.kernel import clock, ids, partitions, tenancy
from chimera.kernel.eventlog import Event
from commerce.models import Transaction
from swarm.models import Task
from tests.cast import Stage

Settle = Callable[[], None]
TASKS = ["swarm_taskresult", "swarm_taskartifact", "swarm_taskprogress", "swarm_task"]
IN_ORDER = ["kernel_event", "commerce_transaction", "safety_action", *TASKS]
PARENTS = set(IN_ORDER)


def owner(sql: str, *params: object) -> list[Any]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []


def lies_in(row: Model) -> str:
    found = owner(f"SELECT tableoid::regclass::text FROM {row._meta.db_table} WHERE id = %s", row.pk)
    return str(found[0][0]).removeprefix("chimera_parts.")


def test_the_migrations_ran_as_a_plain_owner(db: None) -> None:
    sql = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    assert owner(sql) == [("chimera_owner", False, False)]


def test_every_partitioned_table_is_known_and_has_its_months(db: None) -> None:
    assert {row[0] for row in owner("SELECT parent FROM kernel_partitioned")} == PARENTS
    assert {
        row[0]
        for row in owner("SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace")
    } == PARENTS
    assert partitions.months_ahead() == 12
    assert partitions.make(months_ahead=12) == 0


def test_months_that_are_missing_are_made_by_the_application(db: None) -> None:
    assert partitions.make(months_ahead=13) == len(PARENTS)
    assert partitions.months_ahead() == 13
    month = owner("SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + interval '13 months'")[0][0]
    for parent in IN_ORDER:
        owner(f"DROP TABLE {partitions.detach(parent, month)}")
    assert partitions.months_ahead() == 12


def test_rows_lie_in_the_month_of_their_id(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.budget(day_usd="10")
    task = acme.task(session)
    with clock.held(clock.now() + timedelta(days=40)):
        later = acme.task(session)
        settle()
        (claim, *_) = acme.ada.claim(2)
        hold = acme.ada.spend(claim, "1").ok(201)
        with acme.bound():
            rows = [
                Task.objects.get(pk=task["id"]),
                Task.objects.get(pk=later["id"]),
                Transaction.objects.get(pk=hold["id"]),
            ]
            rows += list(Event.objects.order_by("seq")[:1])
    for row in rows:
        assert lies_in(row) == f"{row._meta.db_table}_{ids.time_of(row.pk):%Y_%m}"
    assert lies_in(rows[0]) != lies_in(rows[1])


def test_a_row_for_which_there_is_no_month_is_refused(acme: Stage) -> None:
    session = acme.session()
    with clock.held(datetime(2041, 5, 1, tzinfo=UTC)):
        with pytest.raises(Exception, match="no partition of relation"):
            acme.pia.post("tasks", {"session": session["id"], "type": "x", "input_payload": {}})


@pytest.mark.parametrize("model", [Task, Transaction])
def test_queries_by_time_prune(acme: Stage, model: Any) -> None:
    now = clock.now()
    with tenancy.bound(acme.tenant_id):
        rows = model.objects.created_between(now - timedelta(hours=1), now + timedelta(hours=1))
        plan = rows.order_by().explain()
        everything = model.objects.order_by().explain()
    months = {f"{ids.time_of(ids.first_of(now + delta)):%Y_%m}" for delta in (-timedelta(hours=1), timedelta(hours=1))}
    table = model._meta.db_table
    assert plan.count(f"{table}_2") >= 1
    assert {part[:7] for part in plan.split(f"{table}_")[1:] if part[:4].isdigit()} == months
    assert everything.count(f"on {table}_") > 10


def test_the_application_cannot_reach_a_partition(acme: Stage) -> None:
    month = f"{clock.now():%Y_%m}"
    with pytest.raises(ProgrammingError, match="permission denied for schema chimera_parts"):
        with tenancy.bound(acme.tenant_id), connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM chimera_parts.swarm_task_{month}")


def test_a_partition_keeps_tenants_apart_through_its_parent(acme: Stage, zenith: Stage) -> None:
    acme.task(acme.session())
    with tenancy.bound(zenith.tenant_id):
        assert Task.objects.count() == 0
        assert Event.objects.filter(tenant_id=acme.tenant_id).count() == 0


def test_an_old_month_is_detached_and_the_ledger_stays_readable(acme: Stage, settle: Settle) -> None:
    """Tasks go after 90 days; transactions and events that speak of them stay."""
    ahead = clock.now() + timedelta(days=62)
    session = acme.session()
    acme.budget(day_usd="10")
    with clock.held(ahead):
        acme.task(session)
        settle()
        (claim,) = acme.ada.claim()
        hold = acme.ada.spend(claim, "2").ok(201)
        acme.ada.post(f"transactions/{hold['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
        acme.ada.finish(claim).ok()
    month = ids.time_of(UUID(claim["task"]["id"]))
    gone = [partitions.detach(parent, month) for parent in TASKS]
    try:
        acme.pia.get(f"tasks/{claim['task']['id']}").refused(404, "not_found")
        kept = acme.fay.get(f"transactions/{hold['id']}").ok()
        assert (kept["status"], kept["captured_usd"], kept["task"]) == ("captured", "2.00", claim["task"]["id"])
        with acme.bound():
            assert Event.objects.filter(task_id=claim["task"]["id"]).count() >= 4
        assert owner(f"SELECT count(*) FROM {gone[-1]}") == [(1,)]
    finally:
        for table in gone:
            owner(f"DROP TABLE {table}")
        partitions.make(months_ahead=12)
