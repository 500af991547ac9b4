"""Carving: a task is created with a part of what the tasks above it may spend."""

from typing import Any

import pytest

from chimera.kernel.eventlog import Event
from commerce.models import BudgetConfig
from swarm.models import Task
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books, spent
from tests.commerce.forest import at_work_below, mia_of
from tests.lanes import settle


@pytest.fixture
def mia(acme: Stage) -> Caller:
    return mia_of(acme)


def fork(stage: Stage, parent: dict[str, Any], budget_usd: str, **more: Any) -> Said:
    body = {"session": parent["session"], "type": "part", "input_payload": {}, "parent_task": parent["id"]}
    return stage.pia.post("tasks", body | {"budget_usd": budget_usd} | more)


def carved_for(stage: Stage, task: dict[str, Any]) -> dict[str, Any]:
    (budget,) = stage.anna.get("budgets", scope="task", scope_id=task["id"]).ok()["results"]
    return dict(budget)


def fail(who: Caller, claim: dict[str, Any]) -> None:
    error = {"code": "broken", "message": "", "retryable": False}
    body = {"lease_token": claim["lease_token"], "status": "failed", "error": error}
    who.post(f"tasks/{claim['task']['id']}/result", body).ok()


def test_a_task_is_created_with_a_budget_of_its_own(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="100")
    claim = at_work(acme, budget_usd="5")
    assert claim["task"]["budget_usd"] == "5.00"
    budget = carved_for(acme, claim["task"])
    assert (budget["is_carved"], budget["total_usd"], budget["day_usd"]) == (True, "5.00", None)
    acme.ada.spend(claim, "4").ok(201)
    refused = acme.ada.spend(claim, "2").refused(402, "budget_exceeded")
    assert (refused["budget"], refused["remaining_usd"]) == (budget["id"], "1.00")
    assert acme.anna.get(f"tasks/{claim['task']['id']}").ok()["budget_usd"] == "5.00"
    check_books(acme)


@pytest.mark.parametrize("amount", ["0", "-1", "1e2", "NaN", "0.0000001", "2000000000", 5])
def test_what_is_no_amount_is_refused(acme: Stage, amount: object) -> None:
    body = {"session": acme.session()["id"], "type": "part", "input_payload": {}, "budget_usd": amount}
    said = acme.pia.post("tasks", body)
    assert (said.status, said["errors"][0]["field"]) == (422, "budget_usd")
    with acme.bound():
        assert Task.objects.count() == 0


def test_a_carved_budget_alone_permits_nothing(acme: Stage, mia: Caller) -> None:
    claim = at_work(acme, budget_usd="5")
    acme.ada.spend(claim, "1").refused(402, "no_budget")
    below = at_work_below(acme, mia, claim["task"], budget_usd="2")
    mia.spend(below, "1").refused(402, "no_budget")


def test_a_carved_budget_stands_for_no_inactive_one(acme: Stage) -> None:
    claim = at_work(acme, budget_usd="5")
    off = acme.budget(scope="task", scope_id=claim["task"]["id"], total_usd="9", is_active=False)
    refused = acme.ada.spend(claim, "1").refused(402, "budget_inactive")
    assert refused["budget"] == off["id"]


def test_parts_together_never_exceed_what_is_above_them(acme: Stage, mia: Caller) -> None:
    top = at_work(acme, budget_usd="10")["task"]
    fork(acme, top, "6").ok(201)
    refused = fork(acme, top, "4.000001").refused(422, "allotment_exceeded")
    assert (refused["remaining_usd"], refused["task"]) == ("4.00", top["id"])
    assert refused["errors"][0]["field"] == "budget_usd"
    below = fork(acme, top, "4").ok(201)
    fork(acme, top, "0.01").refused(422, "allotment_exceeded")
    fork(acme, below.body, "3").ok(201)  # out of the four, which are given already
    fork(acme, below.body, "1.5").refused(422, "allotment_exceeded")
    fork(acme, below.body, "1").ok(201)


def test_a_refused_part_leaves_no_task(acme: Stage) -> None:
    top = at_work(acme, budget_usd="1")["task"]
    body = {"session": top["session"], "type": "part", "input_payload": {}, "parent_task": top["id"]}
    batch = {"tasks": [body | {"budget_usd": "0.60"}, body, body | {"budget_usd": "0.50"}]}
    acme.pia.post("tasks/batch", batch).refused(422, "allotment_exceeded")
    with acme.bound():
        assert Task.objects.count() == 1
        assert BudgetConfig.objects.count() == 1
    batch["tasks"][2]["budget_usd"] = "0.40"
    made = acme.pia.post("tasks/batch", batch).ok(201)["tasks"]
    assert [task["budget_usd"] for task in made] == ["0.60", None, "0.40"]


def test_parts_count_across_what_has_no_budget_between(acme: Stage) -> None:
    top = at_work(acme, budget_usd="10")["task"]
    plain = acme.task(top["session"], parent_task=top["id"])
    fork(acme, plain, "6").ok(201)
    fork(acme, plain, "5").refused(422, "allotment_exceeded")
    fork(acme, top, "5").refused(422, "allotment_exceeded")
    fork(acme, top, "4").ok(201)


def test_what_was_spent_above_is_no_longer_there_to_give(acme: Stage) -> None:
    acme.budget(day_usd="100")
    claim = at_work(acme, budget_usd="10")
    acme.ada.spend(claim, "7").ok(201)
    refused = fork(acme, claim["task"], "4").refused(422, "allotment_exceeded")
    assert refused["remaining_usd"] == "3.00"


def test_a_budget_of_finances_is_carved_like_any_other_and_a_limit_of_a_day_is_not(acme: Stage) -> None:
    claim = at_work(acme)
    acme.budget(scope="task", scope_id=claim["task"]["id"], day_usd="1")
    fork(acme, claim["task"], "50").ok(201)
    acme.budget(scope="task", scope_id=claim["task"]["id"], total_usd="60", is_active=False)
    assert fork(acme, claim["task"], "11").refused(422, "allotment_exceeded")["remaining_usd"] == "10.00"


@pytest.mark.parametrize("end", ["finished", "cancelled", "failed"])
def test_what_has_ended_gives_back_what_it_did_not_use(acme: Stage, mia: Caller, end: str) -> None:
    acme.budget(day_usd="100")
    top = at_work(acme, budget_usd="10")["task"]
    part = at_work_below(acme, mia, top, budget_usd="10")
    held = mia.spend(part, "3").ok(201)
    mia.post(f"transactions/{held['id']}/capture", {"lease_token": part["lease_token"]}).ok()
    fork(acme, top, "1").refused(422, "allotment_exceeded")
    match end:
        case "finished":
            mia.finish(part).ok()
        case "cancelled":
            acme.otto.post(f"tasks/{part['task']['id']}/cancel", {"reason": "enough"}).ok()
        case _:
            fail(mia, part)
    assert fork(acme, top, "7.01").refused(422, "allotment_exceeded")["remaining_usd"] == "7.00"
    fork(acme, top, "7").ok(201)
    check_books(acme)


def test_what_lies_below_a_part_that_has_ended_keeps_its_own(acme: Stage, mia: Caller) -> None:
    top = at_work(acme, budget_usd="10")["task"]
    part = at_work_below(acme, mia, top, budget_usd="8")
    fork(acme, part["task"], "5").ok(201)
    mia.finish(part).ok()
    assert fork(acme, top, "6").refused(422, "allotment_exceeded")["remaining_usd"] == "5.00"


def test_a_failed_task_takes_its_part_back_when_it_is_retried_or_stays_failed(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="100")
    top = at_work(acme, budget_usd="10")["task"]
    part = at_work_below(acme, mia, top, budget_usd="6")
    fail(mia, part)
    other = fork(acme, top, "5").ok(201)
    retry = f"tasks/{part['task']['id']}/retry"
    assert acme.otto.post(retry).refused(422, "allotment_exceeded")["remaining_usd"] == "5.00"
    said = acme.otto.post("tasks/retry", {"filter": {"session": top["session"]}}).ok()
    assert [one["code"] for one in said["failed"]] == ["allotment_exceeded"]
    acme.otto.post(f"tasks/{other['id']}/cancel", {"reason": "room"}).ok()
    acme.otto.post(retry).ok()
    assert fork(acme, top, "5").refused(422, "allotment_exceeded")["remaining_usd"] == "4.00"


def test_finance_changes_a_carved_budget_and_the_task_shows_it(acme: Stage) -> None:
    acme.budget(day_usd="100")
    claim = at_work(acme, budget_usd="5")
    budget = carved_for(acme, claim["task"])
    acme.pia.patch(f"budgets/{budget['id']}", {"total_usd": "50"}).refused(403, "role")
    acme.fay.patch(f"budgets/{budget['id']}", {"total_usd": None}).refused(422, "carved_needs_total")
    changed = acme.fay.patch(f"budgets/{budget['id']}", {"total_usd": "7", "per_transaction_usd": "6"}).ok()
    assert (changed["total_usd"], changed["is_carved"]) == ("7.00", True)
    assert acme.anna.get(f"tasks/{claim['task']['id']}").ok()["budget_usd"] == "7.00"
    acme.ada.spend(claim, "6.5").refused(402, "budget_exceeded")
    acme.ada.spend(claim, "6").ok(201)
    assert spent(acme, budget, "total") == ("6.00", "0.00", "1.00")


def test_a_carved_budget_is_told_as_what_it_is(acme: Stage) -> None:
    claim = at_work(acme, budget_usd="5")
    budget = carved_for(acme, claim["task"])
    settle()
    with acme.bound():
        (told,) = Event.objects.filter(aggregate_id=budget["id"])
    assert told.type == "commerce.budget.created.v1"
    assert (told.payload["is_carved"], told.payload["total_usd"], told.actor) == (True, "5.00", f"agent:{acme.pia.id}")


def test_a_schedule_carves_nothing(acme: Stage) -> None:
    campaign = acme.otto.post("campaigns", {"name": "launch", "goal": "sell"}).ok(201)
    task = {"type": "part", "input_payload": {}, "budget_usd": "1"}
    body = {"name": "nightly", "cron": "0 9 * * *", "overlap": "skip", "task": task}
    said = acme.pia.post(f"campaigns/{campaign['id']}/schedules", body).refused(422, "unknown_field")
    assert said["errors"][0]["field"] == "task.budget_usd"


def test_a_tree_has_a_depth_that_creation_refuses_to_exceed(acme: Stage, settings: Any) -> None:
    settings.TASK_DEPTH_MAX = 3
    session = acme.session()
    top = acme.task(session)
    second = acme.task(session, parent_task=top["id"])
    third = acme.task(session, parent_task=second["id"])
    body = {"session": session["id"], "type": "part", "input_payload": {}, "parent_task": third["id"]}
    said = acme.pia.post("tasks", body).refused(422, "tree_too_deep")
    assert said["errors"][0]["field"] == "parent_task"
    assert "3" in said["detail"]
