"""Budgets: who sets them, what they may say, and what a change does at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from chimera.kernel import clock
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, spent

NO_LIMITS = dict.fromkeys(("per_transaction_usd", "day_usd", "month_usd", "total_usd", "approval_threshold_usd"))


def test_finance_sets_a_budget_and_everyone_reads_it(acme: Stage) -> None:
    made = acme.fay.post("budgets", {"scope": "tenant", "day_usd": "20", "approval_threshold_usd": "5.5"}).ok(201)
    assert made.body.items() >= (NO_LIMITS | {"day_usd": "20.00", "approval_threshold_usd": "5.50"}).items()
    assert (made["scope"], made["scope_id"], made["currency"], made["is_active"], made["version"]) == (
        "tenant",
        None,
        "USD",
        True,
        1,
    )
    for who in (acme.ada, acme.pia, acme.jude, acme.rita, acme.otto, acme.anna, acme.boss):
        assert who.get(f"budgets/{made['id']}").ok().body == made.body
        assert who.get("budgets").ok()["results"] == [made.body]


def test_only_finance_and_admins_set_budgets(acme: Stage) -> None:
    made = acme.boss.post("budgets", {"scope": "tenant"}).ok(201)
    acme.boss.patch(f"budgets/{made['id']}", {"day_usd": "1"}).ok()
    for who in (acme.ada, acme.pia, acme.jude, acme.rita, acme.otto, acme.anna):
        who.post("budgets", {"scope": "tenant"}).refused(403, "role")
        who.patch(f"budgets/{made['id']}", {"day_usd": "2"}).refused(403, "role")


BAD_BUDGETS: list[tuple[dict[str, Any], str]] = [
    ({}, "scope"),
    ({"scope": "galaxy"}, "scope"),
    ({"scope": "tenant", "scope_id": str(uuid4())}, "scope_id"),
    ({"scope": "session"}, "scope_id"),
    ({"scope": "agent", "scope_id": "ada"}, "scope_id"),
    ({"scope": "tenant", "currency": "DOGE"}, "currency"),
    ({"scope": "tenant", "is_active": "yes"}, "is_active"),
    ({"scope": "tenant", "is_active": 1}, "is_active"),
    ({"scope": "tenant", "day_usd": "-1"}, "day_usd"),
    ({"scope": "tenant", "day_usd": 5}, "day_usd"),
    ({"scope": "tenant", "day_usd": "NaN"}, "day_usd"),
    ({"scope": "tenant", "month_usd": "1e400"}, "month_usd"),
    ({"scope": "tenant", "total_usd": "0.0000001"}, "total_usd"),
    ({"scope": "tenant", "approval_threshold_usd": "much"}, "approval_threshold_usd"),
    ({"scope": "tenant", "hour_usd": "1"}, "hour_usd"),
]


def test_a_bad_budget_is_refused_by_field(acme: Stage) -> None:
    for body, field in BAD_BUDGETS:
        said = acme.fay.post("budgets", body)
        assert said.status == 422, body
        assert [e["field"] for e in said["errors"]] == [field], body
    assert acme.fay.get("budgets").ok()["results"] == []


@pytest.mark.parametrize("scope", ["campaign", "session", "agent", "task"])
def test_a_scope_must_exist_in_the_own_tenant(acme: Stage, zenith: Stage, scope: str) -> None:
    session = zenith.session(campaign=zenith.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)["id"])
    theirs = {
        "campaign": session["campaign"],
        "session": session["id"],
        "agent": zenith.ada.id,
        "task": zenith.task(session)["id"],
    }
    zenith.budget(scope=scope, scope_id=theirs[scope])
    acme.fay.post("budgets", {"scope": scope, "scope_id": theirs[scope]}).refused(422, "unknown_scope")
    acme.fay.post("budgets", {"scope": scope, "scope_id": str(uuid4())}).refused(422, "unknown_scope")


def test_another_tenants_budget_does_not_exist(acme: Stage, zenith: Stage) -> None:
    made = acme.budget(day_usd="1")
    assert zenith.fay.get("budgets").ok()["results"] == []
    for path in (f"budgets/{made['id']}", f"budgets/{made['id']}/usage"):
        zenith.fay.get(path).refused(404, "not_found")
    zenith.fay.patch(f"budgets/{made['id']}", {"day_usd": "9"}).refused(404, "not_found")
    zenith.ada.spend(at_work(zenith), "1").refused(402, "no_budget")


def test_usage_shows_every_window_before_and_after_the_first_spend(acme: Stage) -> None:
    budget = acme.budget(per_transaction_usd="4", day_usd="10", total_usd="50")
    _, midnight = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))

    def usage() -> dict[str, dict[str, Any]]:
        return {w.pop("window"): w for w in acme.anna.get(f"budgets/{budget['id']}/usage").ok()["windows"]}

    before = usage()
    assert list(before) == ["transaction", "day", "month", "total"]
    assert before["day"] == {
        "limit_usd": "10.00",
        "held_usd": "0.00",
        "captured_usd": "0.00",
        "remaining_usd": "10.00",
        "resets_at": midnight.isoformat().replace("+00:00", "Z"),
    }
    assert (before["month"]["limit_usd"], before["month"]["remaining_usd"]) == (None, None)
    assert (before["total"]["remaining_usd"], before["total"]["resets_at"]) == ("50.00", None)
    acme.ada.spend(at_work(acme), "3").ok(201)
    after = usage()
    assert after["day"] == before["day"] | {"held_usd": "3.00", "remaining_usd": "7.00"}
    assert after["month"] == before["month"] | {"held_usd": "3.00"}
    assert after["transaction"] == before["transaction"]


def test_a_change_acts_at_once_also_on_what_is_spent_already(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim, "6").ok(201)
    assert acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "7"}).ok()["version"] == 2
    assert acme.ada.spend(claim, "2").refused(402, "budget_exceeded")["remaining_usd"] == "1.00"
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "5"}).ok()
    assert acme.ada.spend(claim, "0.01").refused(402, "budget_exceeded")["remaining_usd"] == "0.00"
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": None}).ok()
    acme.ada.spend(claim, "100").ok(201)
    check_books(acme)


def test_a_limit_that_comes_later_counts_what_went_before(acme: Stage) -> None:
    budget = acme.budget()
    claim = at_work(acme)
    acme.ada.spend(claim, "6").ok(201)
    acme.fay.patch(f"budgets/{budget['id']}", {"month_usd": "8", "total_usd": "7"}).ok()
    denied = acme.ada.spend(claim, "1.5").refused(402, "budget_exceeded")
    assert (denied["window"], denied["remaining_usd"]) == ("total", "1.00")


def test_a_budget_switched_off_stops_spending_and_keeps_what_is_held(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "6").ok(201)
    acme.fay.patch(f"budgets/{budget['id']}", {"is_active": False}).ok()
    acme.ada.spend(claim, "1").refused(402, "budget_inactive")
    acme.ada.post(f"transactions/{held['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
    check_books(acme)


def test_yesterdays_window_keeps_its_limit(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim, "6").ok(201)
    now = clock.now()
    with clock.held(now + timedelta(days=1)):
        acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "3"}).ok()
        assert spent(acme, budget) == ("0.00", "0.00", "3.00")
    with clock.held(now):
        assert spent(acme, budget) == ("6.00", "0.00", "4.00")


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "agent"},
        {"currency": "EUR"},
        {"scope_id": None},
        {"day_usd": "x"},
        {"version": "1"},
        {"is_active": None},
    ],
)
def test_a_bad_change_changes_nothing(acme: Stage, body: dict[str, Any]) -> None:
    budget = acme.budget(day_usd="10")
    assert acme.fay.patch(f"budgets/{budget['id']}", body).status == 422
    assert acme.fay.get(f"budgets/{budget['id']}").ok().body == budget


def test_a_change_of_what_somebody_else_changed_is_refused_if_asked(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "9", "version": 1}).ok()
    refused = acme.boss.patch(f"budgets/{budget['id']}", {"day_usd": "8", "version": 1}).refused(409, "stale")
    assert refused["version"] == 2
    acme.boss.patch(f"budgets/{budget['id']}", {"day_usd": "9", "version": 1}).refused(409, "stale")
    acme.boss.patch(f"budgets/{budget['id']}", {"day_usd": "8", "version": 2}).ok()


@pytest.mark.parametrize("scope", ["campaign", "session"])
def test_a_change_makes_results_under_the_old_budget_stale(acme: Stage, scope: str) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    claim = at_work(acme, session=session)
    scope_id = campaign["id"] if scope == "campaign" else session["id"]
    budget = acme.budget(scope=scope, scope_id=scope_id, day_usd="10")
    path = f"{scope}s/{scope_id}"
    version = acme.pia.get(path).ok()["state_version"]
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "10.00"}).ok()  # the same: nothing changes
    assert acme.pia.get(path).ok()["state_version"] == version
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "9"}).ok()
    assert acme.pia.get(path).ok()["state_version"] == version + 1
    assert acme.ada.finish(claim).ok()["outcome"] == "stale"


def test_a_change_is_told_with_what_was_before(acme: Stage, settle: Callable[[], None]) -> None:
    session = acme.session()
    budget = acme.budget(scope="session", scope_id=session["id"], day_usd="10")
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": None, "is_active": False, "month_usd": None}).ok()
    settle()
    told = acme.anna.get(f"sessions/{session['id']}/events").ok()["results"]
    created, changed = [e for e in told if e["type"].startswith("commerce.budget")]
    assert (created["type"], created["payload"]["day_usd"]) == ("commerce.budget.created.v1", "10.00")
    assert changed["payload"]["before"] == {"day_usd": "10.00", "is_active": True}
    assert (
        changed["payload"]["day_usd"],
        changed["payload"]["is_active"],
        changed["payload"]["aggregate_version"],
    ) == (None, False, 2)
    assert changed["actor"] == f"person:{acme.fay.id}"
