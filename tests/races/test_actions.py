"""Actions under races: one token, whoever else asks; and money that is either kept for the effect or free, never both."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.db.models import F

from chimera.flows import execute_action as flow
from chimera.flows.end_actions import end_actions
from chimera.kernel.states import Machine
from commerce.models import Transaction
from safety.actions import proposals
from safety.models import Action
from swarm.actions import tasks
from swarm.models import Task
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books
from tests.races.threads import PATIENCE_SECONDS, InBackground, at_once, held_after, wait_for_waiters
from tests.safety.acts import decide, execute, propose


@pytest.fixture
def claim(acme: Stage) -> dict[str, Any]:
    acme.budget(day_usd="100")
    return at_work(acme)


@pytest.fixture
def action(acme: Stage, claim: dict[str, Any]) -> Said:
    return propose(acme, claim, amount_usd="3").ok(201)


def standing(acme: Stage, action: Said) -> tuple[str, str, str | None]:
    """Of the action, and of its money with its keeper."""
    with acme.bound():
        money = Transaction.objects.get(pk=action["transaction"])
        return Action.objects.get(pk=action["id"]).status, money.status, money.keeper


def show_twice(acme: Stage, claim: dict[str, Any], action: Said) -> list[Any]:
    return at_once([lambda: execute(acme, claim, action["id"], digest=action["digest"])] * 2)


@contextmanager
def the_database_looks_away() -> Iterator[None]:
    def switch(how: str) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"ALTER TABLE safety_action {how} TRIGGER keep_action")

    switch("DISABLE")
    try:
        yield
    finally:
        switch("ENABLE")


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody locks, and nobody compares; both have read before one writes."""
    both_have_read = threading.Barrier(2)
    check = proposals.check_executable

    def checked(*args: Any) -> None:
        check(*args)
        both_have_read.wait(PATIENCE_SECONDS)

    def advance(machine: Machine, rows: Sequence[Any], *, to: Any, **changes: Any) -> None:
        for row in rows:
            type(row).objects.filter(pk=row.pk).update(status=to, version=F("version") + 1, **changes)
            row.status = to

    monkeypatch.setattr(tasks, "lock", lambda task_id: Task.objects.get(pk=task_id))
    monkeypatch.setattr(flow.proposals, "check_executable", checked)
    monkeypatch.setattr(Machine, "advance_each", advance)


@pytest.mark.usefixtures("unguarded")
def test_control_without_guards_two_who_show_it_at_once_get_two_tokens(acme: Stage, claim: dict[str, Any]) -> None:
    action = propose(acme, claim).ok(201)
    with the_database_looks_away():
        said = show_twice(acme, claim, action)
    assert [one.status for one in said] == [200, 200]
    assert said[0]["execution_token"] != said[1]["execution_token"]


@pytest.mark.usefixtures("unguarded")
def test_where_the_application_does_not_look_the_database_gives_one_token(acme: Stage, claim: dict[str, Any]) -> None:
    action = propose(acme, claim).ok(201)
    said = show_twice(acme, claim, action)
    assert sorted(type(one).__name__ for one in said) == ["IntegrityError", "Said"]
    (refused,) = [one for one in said if isinstance(one, IntegrityError)]
    assert "what was decided of action" in str(refused)


def test_of_two_who_show_it_at_once_one_gets_the_token(acme: Stage, claim: dict[str, Any], action: Said) -> None:
    said = sorted(show_twice(acme, claim, action), key=lambda one: one.status)
    said[0].ok()
    said[1].refused(409, "already_executed")
    assert standing(acme, action) == ("executing", "held", "action")
    check_books(acme)


@pytest.mark.parametrize("first", ["same", "other"])
def test_the_very_same_and_something_else_shown_at_once_are_told_apart(
    acme: Stage, claim: dict[str, Any], action: Said, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes first: a token for what was allowed, or a dead approval and a card; never a token for something else."""
    calls: dict[str, Callable[[], Said]] = {
        "same": lambda: execute(acme, claim, action["id"], digest=action["digest"]),
        "other": lambda: execute(acme, claim, action["id"], arguments={"text": "other"}),
    }
    with held_after(monkeypatch, proposals, "check_executable") as hold:
        quicker = InBackground(calls.pop(first))
        hold.wait_reached()
        slower = InBackground(calls.popitem()[1])
        wait_for_waiters()
        hold.release()
        won, lost = quicker.answer(), slower.answer()
    if first == "same":
        won.ok()
        lost.refused(409, "already_executed")
        assert standing(acme, action) == ("executing", "held", "action")
    else:
        won.refused(409, "approval_mismatch")
        lost.refused(409, "stale_lease")
        assert standing(acme, action) == ("dead", "voided", None)
    check_books(acme)


@pytest.mark.parametrize("first", ["execution", "cancel"])
def test_an_execution_beside_a_cancel_keeps_its_money_or_has_none(
    acme: Stage, claim: dict[str, Any], action: Said, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, Callable[[], Said]] = {
        "execution": lambda: execute(acme, claim, action["id"], digest=action["digest"]),
        "cancel": lambda: acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "enough"}),
    }
    module, name = {"execution": (proposals, "begin"), "cancel": (tasks, "cancel")}[first]
    with held_after(monkeypatch, module, name) as hold:
        quicker = InBackground(calls.pop(first))
        hold.wait_reached()
        slower = InBackground(calls.popitem()[1])
        wait_for_waiters()
        hold.release()
        quicker.answer().ok()
        late = slower.answer()
    end_actions()
    if first == "execution":
        late.ok()
        assert standing(acme, action) == ("executing", "held", "action")
    else:
        late.refused(409, "stale_lease")
        assert standing(acme, action) == ("dead", "voided", None)
    check_books(acme)


def test_a_decision_beside_a_cancel_leaves_nothing_that_could_be_executed(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="2")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    cancel = f"tasks/{claim['task']['id']}/cancel"
    decision = f"reviews/{action['review']}/decision"
    _, cancelled = at_once(
        [lambda: acme.rita.post(decision, {"decision": "approve"}), lambda: acme.otto.post(cancel, {"reason": "x"})]
    )
    cancelled.ok()
    end_actions()
    assert standing(acme, action)[0] == "dead"
    assert standing(acme, action)[1] in ("voided", "denied")
    check_books(acme)


def test_two_who_ask_the_same_of_a_resumed_task_get_the_same_action(acme: Stage, settle: Callable[[], None]) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="2")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    decide(acme, action)
    settle()
    (again,) = acme.ada.claim()
    said = at_once([lambda: propose(acme, again, amount_usd="3")] * 3)
    assert {one.ok(201)["id"] for one in said} == {action["id"]}
    check_books(acme)
