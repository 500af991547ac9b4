"""Racing in a tree of tasks: no dollar is carved twice, and children together hold no more than their parent may."""

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from commerce.actions import carving
from commerce.models import BudgetConfig, SpendWindow
from swarm import queries
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books, spent
from tests.commerce.forest import mia_of
from tests.lanes import settle
from tests.races.threads import InBackground, at_once, held_after, wait_for_waiters

CHILDREN = 12
GRANTED = 7  # of twelve times 0.14 out of 1.00: 0.98


def fork(stage: Stage, parent: dict[str, Any], budget_usd: str) -> Said:
    body = {"session": parent["session"], "type": "part", "input_payload": {}, "parent_task": parent["id"]}
    return Caller(stage.pia.secret).post("tasks", body | {"budget_usd": budget_usd})


def carved_below(stage: Stage, parent: dict[str, Any]) -> Decimal:
    with stage.bound():
        parts = BudgetConfig.objects.filter(is_carved=True).exclude(scope_id=parent["id"])
        return sum((part.total_usd or Decimal(0) for part in parts), Decimal(0))


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows are read and not locked."""

    def read_open(budgets: Any, periods: Any) -> list[SpendWindow]:
        return list(SpendWindow.objects.of([budget.pk for budget in budgets], periods).order_by("pk"))

    monkeypatch.setattr(carving, "windows", SimpleNamespace(lock_open=read_open))


def two_forks(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, meanwhile: Callable[[Any], None]
) -> tuple[dict[str, Any], list[Said]]:
    """Six out of ten, twice; the first has looked at what is left when the second comes."""
    top = at_work(stage, budget_usd="10")["task"]
    with held_after(monkeypatch, carving, "check_left") as hold:
        first = InBackground(lambda: fork(stage, top, "6"))
        hold.wait_reached()
        second = InBackground(lambda: fork(stage, top, "6"))
        meanwhile(second)
        hold.release()
        return top, [first.answer(), second.answer()]


def test_of_two_racing_forks_the_second_is_told_what_the_first_left(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, (first, second) = two_forks(acme, monkeypatch, meanwhile=lambda _: wait_for_waiters())
    first.ok(201)
    assert second.refused(422, "allotment_exceeded")["remaining_usd"] == "4.00"
    assert carved_below(acme, top) == 6


def test_control_without_the_windows_locks_the_same_dollar_is_carved_twice(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch)
    top, answers = two_forks(acme, monkeypatch, meanwhile=lambda second: second.join(30))
    assert [said.status for said in answers] == [201, 201]
    assert carved_below(acme, top) == 12


def test_many_forks_at_once_share_out_what_is_there_and_no_more(acme: Stage) -> None:
    top = at_work(acme, budget_usd="1")["task"]
    answers = at_once([lambda: fork(acme, top, "0.30")] * 8)
    assert sorted(said.status for said in answers) == [201] * 3 + [422] * 5
    assert carved_below(acme, top) == Decimal("0.90")


@pytest.fixture
def children(acme: Stage) -> tuple[dict[str, Any], Caller, list[dict[str, Any]]]:
    """A task with a budget of one dollar, Mia, and her claims of its twelve children."""
    acme.budget(day_usd="1000")
    mia = mia_of(acme)
    top = at_work(acme, budget_usd="1")["task"]
    body = {"session": top["session"], "type": "part", "input_payload": {}, "parent_task": top["id"]}
    acme.pia.post("tasks/batch", {"tasks": [body] * CHILDREN}).ok(201)
    settle()
    claims = mia.claim(64)
    assert len(claims) == CHILDREN
    return top, mia, claims


def spend_at_once(mia: Caller, claims: list[dict[str, Any]]) -> list[int]:
    calls = [lambda claim=claim: Caller(mia.secret).spend(claim, "0.14") for claim in claims]
    return sorted(said.status for said in at_once(calls))


def test_racing_children_together_hold_no_more_than_their_parent_may(
    acme: Stage, children: tuple[dict[str, Any], Caller, list[dict[str, Any]]]
) -> None:
    top, mia, claims = children
    assert spend_at_once(mia, claims) == [201] * GRANTED + [402] * (CHILDREN - GRANTED)
    (budget,) = acme.anna.get("budgets", scope="task", scope_id=top["id"]).ok()["results"]
    assert spent(acme, budget, "total") == ("0.98", "0.00", "0.02")
    check_books(acme)


def test_control_a_budget_that_does_not_reach_down_lets_children_overshoot(
    acme: Stage,
    children: tuple[dict[str, Any], Caller, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "above", lambda task_ids: {})
    _, mia, claims = children
    assert spend_at_once(mia, claims) == [201] * CHILDREN
