"""What a carved budget is stands in the database: raw SQL, in the application's role and in the owner's, cannot make it another."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction

from chimera.kernel import tenancy
from chimera.kernel.ids import uuid7
from commerce.models import BudgetConfig
from swarm.models import Task
from tests.cast import Stage

BUDGET = "commerce_budgetconfig"


@pytest.fixture
def carved(acme: Stage) -> BudgetConfig:
    """Of a child; its parent has one too."""
    session = acme.session()
    parent = acme.task(session, budget_usd="10")
    child = acme.task(session, parent_task=parent["id"], budget_usd="4")
    with acme.bound():
        return BudgetConfig.objects.get(scope_id=child["id"])


def name_of_refusal(change: Callable[[], Any]) -> str:
    try:
        with transaction.atomic(using="owner"):
            change()
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return ""


def by_owner(table: str, change: str, where: str = "true") -> Callable[[], None]:
    def run() -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {change} WHERE {where}")

    return run


def test_what_a_budget_is_for_and_that_it_was_carved_stands_for_the_owner_too(carved: BudgetConfig) -> None:
    mine = f"id = '{carved.pk}'"
    for change in ("is_carved = false", "scope_id = gen_random_uuid()", "scope = 'agent', is_carved = false"):
        assert name_of_refusal(by_owner(BUDGET, change, mine)) == "budget_stands", change
    assert name_of_refusal(by_owner(BUDGET, "total_usd = 9", mine)) == ""


def test_what_a_budget_is_for_stands_for_the_application_too(acme: Stage, carved: BudgetConfig) -> None:
    with pytest.raises(IntegrityError, match="stands"), acme.bound():
        BudgetConfig.objects.filter(pk=carved.pk).update(is_carved=False)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("total_usd = NULL", "budget_carved_for_a_task"),
        ("currency = 'EUR'", "budget_carved_for_a_task"),
        ("total_usd = -1", "budget_limits"),
        ("total_usd = 'NaN'", "budget_limits"),
    ],
)
def test_a_carved_budget_is_whole_or_refused(carved: BudgetConfig, change: str, rule: str) -> None:
    assert name_of_refusal(by_owner(BUDGET, change, f"id = '{carved.pk}'")) == rule


def test_a_task_has_one_carved_budget_and_nothing_else_has_any(acme: Stage, carved: BudgetConfig) -> None:
    def again(**changes: Any) -> str:
        for name, value in changes.items():
            setattr(carved, name, value)
        carved.pk = uuid7()
        try:
            with acme.bound():
                carved.save(force_insert=True)
        except IntegrityError as error:
            return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
        return ""

    assert again() == "budget_carved_once"
    assert again(scope="agent") == "budget_carved_for_a_task"
    assert again(scope="task", scope_id=uuid7()) == ""


def test_a_tasks_parent_stands_because_money_is_counted_along_it(acme: Stage, carved: BudgetConfig) -> None:
    with pytest.raises(IntegrityError, match="parent"), acme.bound():
        Task.objects.filter(pk=carved.scope_id).update(parent_task=None)
    for change in ("parent_task_id = NULL", "parent_task_id = id"):
        refused = name_of_refusal(by_owner("swarm_task", change, f"id = '{carved.scope_id}'"))
        assert refused == "task_parent_stands", change


def test_what_a_task_was_given_is_an_amount(acme: Stage, carved: BudgetConfig) -> None:
    for change in ("budget_usd = -0.000001", "budget_usd = 'NaN'", "budget_usd = 10000000000001"):
        assert name_of_refusal(by_owner("swarm_task", change)) == "task_budget", change


def test_another_tenants_budgets_are_not_seen_by_a_walk_along_a_tree(zenith: Stage, carved: BudgetConfig) -> None:
    with zenith.bound(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce_budgetconfig WHERE is_carved")
        assert cursor.fetchone() == (0,)
    with tenancy.system():
        assert BudgetConfig.objects.filter(is_carved=True).count() == 2
