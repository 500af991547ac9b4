"""Dead letters over the API: failed tasks are found, retried or dropped, and what waits for a dropped one goes with it."""

from collections.abc import Callable
from typing import Any

import pytest

from commerce.models import Transaction
from tests.cast import Stage

Settle = Callable[[], None]
ERROR = {"code": "unreadable", "message": "It is a scanned picture.", "retryable": False}


def dead(acme: Stage, settle: Settle, session: dict[str, Any], *, spends: str = "") -> str:
    """The id of a task that Ada said had failed for good."""
    made = acme.task(session)
    settle()
    (claim,) = acme.ada.claim()
    assert claim["task"]["id"] == made["id"]
    if spends:
        acme.ada.spend(claim, spends).ok(201)
    body = {"lease_token": claim["lease_token"], "status": "failed", "error": ERROR}
    assert acme.ada.post(f"tasks/{made['id']}/result", body).ok()["outcome"] == "failed"
    settle()
    return str(made["id"])


def facts(acme: Stage, session: dict[str, Any], type_: str) -> list[dict[str, Any]]:
    events = acme.otto.get(f"sessions/{session['id']}/events", limit=100).ok()["results"]
    return [event for event in events if event["type"] == type_]


def test_dead_letters_are_the_failed_tasks(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    letter = dead(acme, settle, session)
    acme.task(session)
    (found,) = acme.otto.get("tasks", status="failed").ok()["results"]
    assert (found["id"], found["error"], found["attempt_count"]) == (letter, ERROR, 1)


def test_a_dropped_task_is_cancelled_and_told_with_what_it_died_of(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    letter = dead(acme, settle, session)
    said = acme.otto.post(f"tasks/{letter}/drop", {"reason": "nobody needs it"}).ok()
    assert said["status"] == "cancelled"
    assert said["error"] == {"code": "dropped", "message": "nobody needs it", "retryable": False}
    assert said["results"][0]["error"] == ERROR  # what it died of is kept
    settle()
    (told,) = facts(acme, session, "swarm.task.dropped.v1")
    assert told["actor"] == f"person:{acme.otto.id}"
    assert told["payload"]["status"] == "cancelled"
    assert (told["payload"]["code"], told["payload"]["reason"]) == ("unreadable", "nobody needs it")


def test_what_waits_for_a_dropped_task_is_cancelled_and_the_rest_goes_on(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    letter = dead(acme, settle, session)
    child = acme.task(session, parent_task=letter)["id"]
    waiting = acme.task(session, depends_on=[letter])["id"]
    behind = acme.task(session, depends_on=[waiting])["id"]
    other = acme.task(session)["id"]
    acme.otto.post(f"tasks/{letter}/drop").ok()
    settle()
    assert {acme.otto.get(f"tasks/{t}").ok()["status"] for t in (child, waiting, behind)} == {"cancelled"}
    assert acme.otto.get(f"tasks/{other}").ok()["status"] == "queued"


def test_what_waits_for_a_retried_task_goes_on_waiting(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    letter = dead(acme, settle, session)
    waiting = acme.task(session, depends_on=[letter])["id"]
    acme.otto.post(f"tasks/{letter}/retry").ok()
    settle()
    assert acme.otto.get(f"tasks/{waiting}").ok()["status"] == "pending"
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim).ok()
    settle()
    assert acme.otto.get(f"tasks/{waiting}").ok()["status"] == "queued"


def test_nothing_new_can_wait_for_a_dropped_task(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    letter = dead(acme, settle, session)
    acme.otto.post(f"tasks/{letter}/drop").ok()
    body = {"session": session["id"], "type": "x", "input_payload": {}, "depends_on": [letter]}
    acme.pia.post("tasks", body).refused(422, "dependency_cancelled")


def test_a_session_is_complete_once_its_dead_letter_is_dropped(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    letter = dead(acme, settle, session)
    acme.task(session, depends_on=[letter])
    acme.pia.post(f"sessions/{session['id']}/complete").refused(409, "tasks_open")
    acme.otto.post(f"tasks/{letter}/drop").ok()
    settle()
    acme.pia.post(f"sessions/{session['id']}/complete").ok()


def test_a_repeated_drop_answers_alike_and_tells_once(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    letter = dead(acme, settle, session)
    first, again = (acme.otto.post(f"tasks/{letter}/drop", {"reason": r}).ok() for r in ("first", "again"))
    assert again["error"] == first["error"]
    settle()
    assert len(facts(acme, session, "swarm.task.dropped.v1")) == 1


@pytest.mark.parametrize("status", ["pending", "queued", "running", "blocked", "completed"])
def test_only_a_failed_task_is_dropped(acme: Stage, settle: Settle, status: str) -> None:
    session = acme.session()
    more: dict[str, Any] = {"not_before": "2099-01-01T00:00:00Z"} if status == "pending" else {}
    task = acme.task(session, **more)["id"]
    settle()
    if status in {"running", "blocked", "completed"}:
        (claim,) = acme.ada.claim()
    if status in {"blocked", "completed"}:
        acme.ada.finish(claim, 0.8 if status == "blocked" else 0.95).ok()
    acme.otto.post(f"tasks/{task}/drop").refused(409, f"task_{status}")
    assert acme.otto.get(f"tasks/{task}").ok()["status"] == status


def test_a_planner_drops_what_it_created_and_others_by_their_role(acme: Stage, settle: Settle, zenith: Stage) -> None:
    mine = dead(acme, settle, acme.session())
    theirs = acme.otto.post("tasks", {"session": acme.session()["id"], "type": "research", "input_payload": {}}).ok(
        201
    )["id"]
    for who in (acme.ada, acme.jude, acme.rita, acme.fay, acme.anna):
        who.post(f"tasks/{mine}/drop").refused(403, "role")
    acme.pia.post(f"tasks/{theirs}/drop").refused(403, "not_yours")
    for stranger in (zenith.boss, zenith.pia):
        stranger.post(f"tasks/{mine}/drop").refused(404, "not_found")
    assert acme.pia.post(f"tasks/{mine}/drop").ok()["status"] == "cancelled"


def test_a_dead_letter_holds_no_money_and_its_drop_moves_none(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="10")
    letter = dead(acme, settle, acme.session(), spends="0.50")

    def ledger() -> list[tuple[Any, ...]]:
        with acme.bound():
            return list(Transaction.objects.values_list("status", "settled_at"))

    before = ledger()
    assert [status for status, _ in before] == ["voided"]
    acme.otto.post(f"tasks/{letter}/drop").ok()
    settle()
    assert ledger() == before
