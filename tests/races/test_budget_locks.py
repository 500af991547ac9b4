"""Who makes windows and who moves them twice never wait for one another in a circle.

A window that is updated twice in one transaction has its foreign key checked once more, at the commit: `FOR KEY SHARE` of the
budget, which stands left of the windows in the order of locks. So nobody may keep that out.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from django.db.models.query import QuerySet

from chimera.flows.lapse_leases import end_lease
from chimera.kernel import clock
from commerce.models import BudgetConfig
from swarm.actions import tasks
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.commerce.books import at_work, check_books
from tests.races.threads import InBackground, held_after, wait_for_waiters


@pytest.fixture
def scene(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Any, Any]]:
    """A task with two holds loses its lease, while another spends from the same budget and from one that has no windows
    yet. Answers what became of both."""
    acme.budget(day_usd="100")
    two, other = at_work(acme), at_work(acme, acme.bob)
    for _ in range(2):
        acme.ada.spend(two, "1").ok(201)
    acme.budget(scope="agent", scope_id=acme.bob.id, day_usd="100")

    def lapse() -> None:
        with acme.bound():
            lapsed = UUID(two["task"]["id"])
            Task.objects.filter(pk=lapsed).update(lease_expires_at=clock.now())
            end_lease(lapsed)

    def play() -> tuple[Any, Any]:
        with held_after(monkeypatch, tasks, "requeue") as hold:  # the windows were moved, and are locked
            lapsing = InBackground(lapse)
            hold.wait_reached()
            spending = InBackground(lambda: Caller(acme.bob.secret).spend(other, "1"))
            wait_for_waiters()  # it has the budgets, and wants the windows
            hold.release()
            return lapsing.answer(), spending.answer()

    return play


def test_a_lapse_of_two_holds_and_the_first_spend_of_a_day_both_pass(
    acme: Stage, scene: Callable[[], tuple[Any, Any]]
) -> None:
    lapsed, spent = scene()
    assert lapsed is None
    spent.ok(201)
    check_books(acme)


def test_control_a_budget_locked_for_update_is_a_deadlock(
    scene: Callable[[], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the two is broken off by PostgreSQL."""
    original = QuerySet.select_for_update

    def stronger(rows: Any, *args: Any, no_key: bool = False, **more: Any) -> Any:
        return original(rows, *args, no_key=no_key and rows.model is not BudgetConfig, **more)

    monkeypatch.setattr(QuerySet, "select_for_update", stronger)
    lapsed, spent = scene()
    assert isinstance(lapsed, OperationalError) != (getattr(spent, "status", None) == 503)
