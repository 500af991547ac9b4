"""The database repeats the rules: raw SQL, in the application's own role, cannot break them either."""

import re
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction

from chimera.kernel import tenancy
from chimera.kernel.ids import uuid7
from commerce.models import BudgetConfig, SpendWindow, Transaction
from tests.cast import Stage
from tests.commerce.books import at_work


@pytest.fixture
def ledger(acme: Stage) -> dict[str, Any]:
    """One transaction each: held, in review, captured, denied."""
    acme.budget(day_usd="100", approval_threshold_usd="50")
    one, two = at_work(acme), at_work(acme)
    held, captured = acme.ada.spend(one, "3").ok(201), acme.ada.spend(one, "4").ok(201)
    acme.ada.post(f"transactions/{captured['id']}/capture", {"lease_token": one["lease_token"]}).ok()
    denied = acme.ada.spend(one, "1000").refused(402, "budget_exceeded")["transaction"]
    review = acme.ada.spend(two, "60").ok(202)
    return {"held": held["id"], "captured": captured["id"], "denied": denied["id"], "review": review["id"]}


def refused(stage: Stage, table: str, change: str, where: str = "true") -> bool:
    """By a constraint: the ledger's triggers, which come after, would refuse much of it too (test_ledger_rules)."""
    if table == "commerce_transaction" and "version" not in change:
        change = f"version = version + 1, {change}"
    with stage.bound(), connection.cursor() as cursor:
        try:
            cursor.execute(f"UPDATE {table} SET {change} WHERE {where}")
        except IntegrityError as error:
            transaction.set_rollback(True)
            return error.__cause__.diag.context is None  # type: ignore[union-attr]  # a trigger has one: the function that raises
        return False


def test_a_transaction_is_whole_or_refused(acme: Stage, ledger: dict[str, Any]) -> None:
    broken = {
        "held": [
            "keeper = NULL",
            "keeper = 'nobody'",
            "lease_token = NULL",
            "keeper = 'card'",
            "keeper = 'card', lease_token = NULL",  # which card?
            "keeper = 'resume', lease_token = NULL",
            "resume_deadline = now()",
            "settled_at = now()",
            "status = 'captured'",
            "status = 'voided'",
            "status = 'lost'",
            "captured_usd = 1",
            "denied_code = 'no_budget'",
            "version = -1",
        ],
        "review": ["keeper = 'lease', lease_token = gen_random_uuid()", "review = NULL"],
        "captured": [
            "captured_usd = 4.000001",
            "captured_usd = 0",
            "captured_usd = 'NaN'",
            "captured_usd = NULL",
            "keeper = 'lease', lease_token = gen_random_uuid()",
            "settled_at = NULL",
        ],
        "denied": ["denied_code = ''", "denied_reason = ''"],
    }
    passed = [
        (which, change)
        for which, changes in broken.items()
        for change in changes
        if not refused(acme, "commerce_transaction", change, f"id = '{ledger[which]}'")
    ]
    assert passed == []
    assert not refused(acme, "commerce_transaction", "approved_by_review = gen_random_uuid()", "settled_at IS NULL")


def test_an_amount_is_positive_for_the_owner_of_the_table_too(ledger: dict[str, Any]) -> None:
    """Who serves cannot change an amount at all."""
    for amount in ("0", "-1", "'NaN'"):
        with pytest.raises(IntegrityError, match="transaction_amount"), transaction.atomic(using="owner"):
            with connections["owner"].cursor() as cursor:
                cursor.execute(f"UPDATE commerce_transaction SET amount_usd = {amount}")


def test_a_window_is_whole_or_refused(acme: Stage, ledger: dict[str, Any]) -> None:
    broken = [
        "held_usd = -0.000001",
        "captured_usd = -1",
        "limit_usd = -1",
        "held_usd = 'NaN'",
        "limit_usd = 'NaN'",
        "held_usd = NULL",
    ]
    assert [change for change in broken if not refused(acme, "commerce_spendwindow", change, "kind = 'day'")] == []
    assert not refused(acme, "commerce_spendwindow", "limit_usd = limit_usd", "kind = 'day'")


def test_a_window_begins_whole_or_is_refused(acme: Stage, ledger: dict[str, Any]) -> None:
    """Whose it is, and of which days, nobody changes afterwards."""
    names = [str(field.column) for field in SpendWindow._meta.concrete_fields]
    fresh = {"id": "gen_random_uuid()", "starts_on": "starts_on + 1", "held_usd": "0", "captured_usd": "0"}

    def begins(**other: str) -> bool:
        values = ", ".join((fresh | other).get(name, name) for name in names)
        insert = f"INSERT INTO commerce_spendwindow ({', '.join(names)}) SELECT {values} FROM commerce_spendwindow WHERE kind = 'day'"
        with acme.bound(), connection.cursor() as cursor:
            try:
                cursor.execute(insert)
            except IntegrityError as error:
                return error.__cause__.diag.context is not None  # type: ignore[union-attr]  # not by a constraint
            finally:
                transaction.set_rollback(True)
        return True

    broken = [
        {"kind": "'hour'"},
        {"ends_at": "starts_at"},
        {"ends_at": "NULL"},
        {"starts_on": "NULL"},
        {"held_usd": "-1"},
    ]
    assert [other for other in broken if begins(**other)] == []
    assert begins()


def test_a_budget_is_whole_or_refused(acme: Stage, ledger: dict[str, Any]) -> None:
    broken = ["day_usd = -1", "month_usd = 'NaN'", "approval_threshold_usd = -1", "currency = 'DOG'"]
    broken += ["scope = 'galaxy'", "scope = 'agent'", "scope_id = gen_random_uuid()"]
    assert [change for change in broken if not refused(acme, "commerce_budgetconfig", change)] == []
    assert not refused(acme, "commerce_budgetconfig", "day_usd = 0")


def test_a_budget_has_one_window_per_period(acme: Stage, ledger: dict[str, Any]) -> None:
    with acme.bound():
        for window in SpendWindow.objects.all():
            window.pk = uuid7()
            with pytest.raises(IntegrityError), transaction.atomic():
                window.save(force_insert=True)


def test_a_window_of_another_tenants_budget_and_a_spend_of_another_tenants_task_are_refused(
    acme: Stage, zenith: Stage, ledger: dict[str, Any]
) -> None:
    with acme.bound():
        budget = BudgetConfig.objects.get()
        spend = Transaction.objects.get(pk=ledger["held"])
    with pytest.raises(IntegrityError), zenith.bound():
        SpendWindow.objects.create(budget=budget, kind="total")
    spend.pk, spend.tenant_id = uuid7(), zenith.tenant_id
    with pytest.raises(IntegrityError), zenith.bound():
        spend.save(force_insert=True)


def test_without_a_tenant_there_is_no_money_to_see(acme: Stage, ledger: dict[str, Any]) -> None:
    for model in (BudgetConfig, SpendWindow, Transaction):
        assert model.objects.count() == 0
        with tenancy.system():
            assert model.objects.count() > 0


def test_a_query_by_time_reads_only_the_months_it_needs(acme: Stage, ledger: dict[str, Any]) -> None:
    with acme.bound():
        spend = Transaction.objects.get(pk=ledger["held"])
        start, end = spend.created_at, spend.created_at.replace(microsecond=999_000)
        by_time = Transaction.objects.created_between(start, end).explain()
        everything = Transaction.objects.all().explain()
    assert months(by_time) == {f"{start:%Y_%m}"}
    assert len(months(everything)) > 12


def months(plan: str) -> set[str]:
    return set(re.findall(r"commerce_transaction_(\d{4}_\d{2}) ", plan))
