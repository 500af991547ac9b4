"""Temporary increases act at once and end by themselves: a spend decided after their time never counts them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from chimera.flows.end_increases import end_increases
from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from commerce.actions import increases
from commerce.models import SpendWindow
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books, spent

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)  # of today: nothing crosses midnight


def granted(acme: Stage, budget: dict[str, Any], amount: str = "5", window: str = "day", minutes: int = 60) -> Said:
    expires = clock.now() + timedelta(minutes=minutes)
    body = {"window": window, "amount_usd": amount, "expires_at": expires.isoformat(), "reason": "the baths open"}
    return acme.fay.post(f"budgets/{budget['id']}/increases", body).ok(201)


def told(acme: Stage, budget: dict[str, Any]) -> list[str]:
    with acme.bound():
        rows = Event.objects.filter(aggregate_id=budget["id"]).order_by("xid", "seq")
        return [event.type.removeprefix("commerce.budget.").removesuffix(".v1") for event in rows]


def test_an_increase_acts_at_once_and_is_told_and_listed(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim, "9").ok(201)
    acme.ada.spend(claim, "3").refused(402, "budget_exceeded")
    increase = granted(acme, budget)
    assert (increase["status"], increase["window"], increase["amount_usd"]) == ("active", "day", "5.00")
    acme.ada.spend(claim, "3").ok(201)
    assert spent(acme, budget) == ("12.00", "0.00", "3.00")
    usage = acme.anna.get(f"budgets/{budget['id']}/usage").ok()
    assert [(i["id"], i["reason"]) for i in usage["increases"]] == [(increase["id"], "the baths open")]
    assert usage["windows"][1]["limit_usd"] == "15.00"
    assert told(acme, budget) == ["created", "raised"]
    assert acme.fay.get(f"budgets/{budget['id']}").ok()["day_usd"] == "10.00"
    assert [i["id"] for i in acme.ada.get(f"budgets/{budget['id']}/increases").ok()["results"]] == [increase["id"]]


def test_a_spend_after_its_expiry_never_counts_it_though_the_clock_is_late(acme: Stage) -> None:
    with clock.held(NOON):
        budget = acme.budget(day_usd="10")
        claim = at_work(acme)
        granted(acme, budget, minutes=60)
        acme.ada.spend(claim, "12").ok(201)
        acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {}).ok()
        with acme.bound():
            assert SpendWindow.objects.get(kind="day").limit_usd == 15
    with clock.held(NOON + timedelta(minutes=60)):
        claim = at_work(acme)
        assert acme.ada.spend(claim, "10.01").refused(402, "budget_exceeded")["remaining_usd"] == "10.00"
        acme.ada.spend(claim, "10").ok(201)
        usage = acme.anna.get(f"budgets/{budget['id']}/usage").ok()
        assert (usage["increases"], usage["windows"][1]["limit_usd"]) == ([], "10.00")
        (listed,) = acme.anna.get(f"budgets/{budget['id']}/increases").ok()["results"]
        assert listed["status"] == "expired"
        assert end_increases() == 1
        assert end_increases() == 0
        assert told(acme, budget) == ["created", "raised", "raise_ended"]
        with acme.bound():
            assert (SpendWindow.objects.get(kind="day").limit_usd, SpendWindow.objects.get(kind="day").limit_until) == (
                10,
                None,
            )
    check_books(acme)


def test_what_it_let_pass_stays_held_and_is_captured_after_its_expiry(acme: Stage) -> None:
    with clock.held(NOON):
        budget = acme.budget(day_usd="10")
        claim = at_work(acme)
        granted(acme, budget, minutes=1)
        hold = acme.ada.spend(claim, "14").ok(201)
    with clock.held(NOON + timedelta(seconds=61)):
        acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]})
        end_increases()
        with acme.bound():
            assert SpendWindow.objects.get(kind="day").limit_usd == 10
        with clock.held(NOON + timedelta(seconds=30)):
            acme.ada.post(f"transactions/{hold['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
        assert spent(acme, budget) == ("0.00", "14.00", "0.00")


@pytest.mark.parametrize("window", ["transaction", "day", "month", "total"])
def test_each_limit_can_be_raised_and_several_increases_add_up(acme: Stage, window: str) -> None:
    budget = acme.budget(**{"per_transaction_usd" if window == "transaction" else f"{window}_usd": "10"})
    claim = at_work(acme)
    granted(acme, budget, "1", window)
    granted(acme, budget, "2", window)
    assert acme.ada.spend(claim, "13.01").refused(402, "budget_exceeded")["remaining_usd"] == "13.00"
    acme.ada.spend(claim, "13").ok(201)


def test_an_increase_before_the_first_spend_of_a_day_is_in_its_window(acme: Stage) -> None:
    with clock.held(NOON - timedelta(days=1)):
        budget = acme.budget(day_usd="10")
        granted(acme, budget, minutes=26 * 60)
    with clock.held(NOON):
        acme.ada.spend(at_work(acme), "12").ok(201)
        assert spent(acme, budget) == ("12.00", "0.00", "3.00")


def test_a_changed_limit_keeps_its_increase_and_a_removed_one_needs_none(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim, "1").ok(201)
    granted(acme, budget)
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "3"}).ok()
    assert spent(acme, budget) == ("1.00", "0.00", "7.00")
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": None}).ok()
    assert spent(acme, budget) == ("1.00", "0.00", None)
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "2"}).ok()
    assert spent(acme, budget) == ("1.00", "0.00", "6.00")


def test_a_revoked_increase_is_over_at_once_and_for_good(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    increase = granted(acme, budget)
    acme.ada.spend(claim, "12").ok(201)
    revoked = acme.boss.post(f"increases/{increase['id']}/revoke").ok()
    assert (revoked["status"], revoked["ended_at"] is not None) == ("revoked", True)
    assert acme.ada.spend(claim, "0.01").refused(402, "budget_exceeded")["remaining_usd"] == "0.00"
    acme.boss.post(f"increases/{increase['id']}/revoke").refused(409, "increase_revoked")
    assert told(acme, budget) == ["created", "raised", "raise_ended"]


def test_an_increase_makes_no_work_stale(acme: Stage) -> None:
    session = acme.session()
    budget = acme.budget(scope="session", scope_id=session["id"], day_usd="10")
    claim = at_work(acme, session=session)
    increase = granted(acme, budget)
    acme.fay.post(f"increases/{increase['id']}/revoke").ok()
    assert acme.ada.finish(claim).ok()["outcome"] == "completed"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"amount_usd": "0"}, "amount_usd"),
    ({"amount_usd": "-1"}, "amount_usd"),
    ({"amount_usd": 1}, "amount_usd"),
    ({"amount_usd": "NaN"}, "amount_usd"),
    ({"amount_usd": "0.0000001"}, "amount_usd"),
    ({"window": "hour"}, "window"),
    ({"window": "month"}, "window"),  # without a limit there is nothing to raise
    ({"reason": ""}, "reason"),
    ({"reason": "   "}, "reason"),
    ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
    ({"expires_at": "2999-01-01T00:00:00Z"}, "expires_at"),
    ({"expires_at": "tomorrow"}, "expires_at"),
    ({"expires_at": "2026-11-22T08:00:00"}, "expires_at"),
    ({"surprise": 1}, "surprise"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_a_bad_increase_is_refused_by_field(acme: Stage, change: dict[str, Any], field: str) -> None:
    budget = acme.budget(day_usd="10")
    expires = (clock.now() + timedelta(hours=1)).isoformat()
    body = {"window": "day", "amount_usd": "1", "expires_at": expires, "reason": "r"}
    said = acme.fay.post(f"budgets/{budget['id']}/increases", body | change)
    assert (said.status, [e["field"] for e in said["errors"]]) == (422, [field])
    assert told(acme, budget) == ["created"]


def test_who_may_not_and_what_is_not_there_is_said(acme: Stage, zenith: Stage) -> None:
    budget = acme.budget(day_usd="10")
    increase = granted(acme, budget)
    body = {"window": "day", "amount_usd": "1", "expires_at": increase["expires_at"], "reason": "r"}
    for who in (acme.ada, acme.rita, acme.otto, acme.anna):
        who.post(f"budgets/{budget['id']}/increases", body).refused(403, "role")
        who.post(f"increases/{increase['id']}/revoke").refused(403, "role")
    for path in (f"budgets/{budget['id']}/increases", f"budgets/{uuid4()}/increases"):
        zenith.fay.post(path, body).refused(404, "not_found")
        zenith.fay.get(path).refused(404, "not_found")
    zenith.fay.post(f"increases/{increase['id']}/revoke").refused(404, "not_found")


def test_there_is_an_end_to_increases(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(increases, "ACTIVE_MAX", 2)
    budget = acme.budget(day_usd="10")
    granted(acme, budget)
    granted(acme, budget)
    body = {"window": "day", "amount_usd": "1", "reason": "r"}
    expires = (clock.now() + timedelta(hours=1)).isoformat()
    refused = acme.fay.post(f"budgets/{budget['id']}/increases", body | {"expires_at": expires})
    refused.refused(409, "too_many_increases")


@pytest.mark.parametrize(
    "change",
    [
        "status = 'lost', ended_at = now(), ended_by = 'x'",
        "status = 'revoked'",
        "status = 'expired', ended_at = now()",
        "ended_at = now()",
        "ended_by = 'x'",
    ],
)
def test_postgresql_refuses_an_increase_that_cannot_be(acme: Stage, change: str) -> None:
    granted(acme, acme.budget(day_usd="10"))
    with pytest.raises(IntegrityError), acme.bound(), connection.cursor() as cursor, transaction.atomic():
        cursor.execute(f"UPDATE commerce_limitincrease SET {change}")
