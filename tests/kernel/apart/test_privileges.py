"""Who serves cannot rewrite history: PostgreSQL refuses, whatever the application asks, in a tenant and across them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from chimera.kernel import tenancy
from tests.cast import Stage
from tests.kernel.world import World

KEPT = (
    "commerce_budgetconfig",
    "commerce_limitincrease",
    "commerce_spendwindow",
    "commerce_transaction",
    "commerce_transition",
    "kernel_event",
    "memory_contextshown",
    "memory_memorycheck",
    "memory_persona",
    "memory_personaversion",
    "memory_memoryerasure",
    "safety_action",
    "safety_earlydecision",
    "safety_reviewcard",
    "swarm_agentkey",
    "swarm_agentprofile",
    "swarm_campaign",
    "swarm_personaltoken",
    "swarm_swarmsession",
    "swarm_task",
    "swarm_taskartifact",
    "swarm_taskprogress",
    "swarm_taskresult",
)
APPENDED = (
    "commerce_transition",
    "kernel_event",
    "memory_contextshown",
    "memory_memorycheck",
    "memory_personaversion",
    "swarm_taskartifact",
    "swarm_taskprogress",
)
# What verbs change; all other columns stand as they were inserted.
CHANGES = {
    "commerce_spendwindow": {"limit_usd", "limit_until", "held_usd", "captured_usd", "warned_percent"},
    "commerce_limitincrease": {"version", "status", "ended_at", "ended_by"},
    "commerce_transaction": {
        "version",
        "status",
        "amount_usd",  # of a metered hold, which grows
        "metered_usd",
        "captured_usd",
        "keeper",
        "lease_token",
        "resume_deadline",
        "review",
        "approved_by_review",
        "denied_code",
        "denied_reason",
        "settled_at",
        "changed_by",
    },
    "safety_action": {
        "version",
        "status",
        "arguments",  # with an approval that edits them
        "original_arguments",
        "digest",
        "lease_token",
        "resume_deadline",
        "token_digest",
        "executed_by",
        "executed_at",
        "execution_deadline",
        "output",
        "cost_usd",
        "ended_at",
        "ended_reason",
    },
    "safety_earlydecision": {"version", "status", "ended_at", "card_id", "refusal"},
    "swarm_taskresult": {"applied", "output_payload", "original_payload", "judge_score", "review_id"},
}
COLUMNS_SQL = """
SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1
"""
Enter = Callable[[Stage], AbstractContextManager[Any]]


def in_a_tenant(acme: Stage) -> AbstractContextManager[Any]:
    return acme.bound()


def across_tenants(acme: Stage) -> AbstractContextManager[Any]:
    return tenancy.system()


both = pytest.mark.parametrize("enter", [in_a_tenant, across_tenants])


def run(sql: str, *params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else [(cursor.rowcount,)]


def columns(table: str) -> list[str]:
    return [name for (name,) in run(COLUMNS_SQL, table)]


def refused(acme: Stage, enter: Enter, sql: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), enter(acme):
        run(sql)


@both
def test_nothing_that_is_kept_is_deleted(acme: Stage, enter: Enter) -> None:
    for table in KEPT:
        refused(acme, enter, f"DELETE FROM {table}")
        refused(acme, enter, f"TRUNCATE {table} CASCADE")


@both
def test_what_is_only_added_is_not_changed(acme: Stage, enter: Enter) -> None:
    for table in APPENDED:
        for column in columns(table):
            refused(acme, enter, f"UPDATE {table} SET {column} = {column}")


@both
@pytest.mark.parametrize("table", sorted(CHANGES))
def test_what_was_asked_for_and_handed_in_stands(acme: Stage, enter: Enter, table: str) -> None:
    for column in set(columns(table)) - CHANGES[table]:
        refused(acme, enter, f"UPDATE {table} SET {column} = {column}")


@both
@pytest.mark.parametrize("table", sorted(CHANGES))
def test_what_settles_it_can_change(acme: Stage, world: World, enter: Enter, table: str) -> None:
    with enter(acme):
        before = run(f"SELECT count(*) FROM {table}")
        assert before != [(0,)]
        for column in CHANGES[table]:
            assert run(f"UPDATE {table} SET {column} = {column}") == before


@both
def test_the_ledger_is_still_locked_by_who_settles(acme: Stage, world: World, enter: Enter) -> None:
    """A lock asks for UPDATE on one column at least."""
    for mode in ("FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE"):
        with enter(acme):
            assert run(f"SELECT id FROM commerce_transaction {mode}")


@both
def test_a_partition_is_no_way_around(acme: Stage, world: World, enter: Enter) -> None:
    with acme.bound():
        ((part,),) = run("SELECT DISTINCT tableoid::regclass::text FROM commerce_transaction")
    assert part.startswith("chimera_parts.")
    refused(acme, enter, f"DELETE FROM {part}")


@both
def test_stored_answers_can_still_be_swept(acme: Stage, world: World, enter: Enter) -> None:
    with enter(acme):
        assert run("DELETE FROM kernel_answer") != [(0,)]
        transaction.set_rollback(True)  # for those who come after


@both
def test_nobody_who_serves_makes_temporary_tables(acme: Stage, enter: Enter) -> None:
    refused(acme, enter, "CREATE TEMPORARY TABLE commerce_transition (id int)")


def test_functions_look_for_temporary_tables_last(db: None) -> None:
    """One of the ledger's name would stand before it, and its triggers run as whoever owns the function."""
    ours = "p.pronamespace = 'public'::regnamespace AND p.proowner = 'chimera_owner'::regrole"
    paths = "SELECT split_part(setting, '=', 2) FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%%'"
    found = dict(
        run(f"SELECT p.proname, ({paths}) FROM pg_proc p WHERE {ours} AND (p.prosecdef OR p.proconfig IS NOT NULL)")
    )
    assert "chimera_keep_transition" in found
    assert {name: path for name, path in found.items() if not path or not path.endswith(", pg_temp")} == {}
