"""Asking for money: held, denied, and everything that is no request at all."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from chimera.kernel import clock
from commerce.models import SpendWindow, Transaction
from swarm.models import Task
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, spent


def test_a_hold_is_placed_within_the_budget(acme: Stage) -> None:
    budget = acme.budget(day_usd="10.00")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "2.50", category="render", purpose="a picture", metadata={"post": 7}).ok(201)
    assert held["status"] == "held"
    assert (held["amount_usd"], held["captured_usd"], held["asset_symbol"]) == ("2.50", None, "USD")
    assert (held["task"], held["session"], held["agent"]) == (
        claim["task"]["id"],
        claim["task"]["session"],
        acme.ada.id,
    )
    assert (held["payee"], held["category"], held["metadata"]) == ("render.example", "render", {"post": 7})
    assert held["purpose"] == "a picture"
    assert held["budgets"] == [budget["id"]]
    assert (held["review"], held["denied_code"], held["denied_reason"], held["settled_at"]) == (None, None, None, None)
    assert spent(acme, budget) == ("2.50", "0.00", "7.50")
    check_books(acme)


def test_a_hold_ends_with_its_tasks_lease(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "1").ok(201)
    lease_ends = datetime.fromisoformat(claim["lease_expires_at"])
    assert datetime.fromisoformat(held["expires_at"]) == lease_ends
    assert acme.otto.get(f"transactions/{held['id']}").ok()["expires_at"] == held["expires_at"]


def test_without_a_budget_nothing_may_be_spent(acme: Stage) -> None:
    claim = at_work(acme)
    denied = acme.ada.spend(claim, "0.01").refused(402, "no_budget")
    assert (denied["remaining_usd"], denied["resets_at"], denied["budget"]) == ("0.00", None, None)
    assert denied["transaction"]["status"] == "denied"


def test_a_refusal_is_a_row_of_the_ledger(acme: Stage) -> None:
    budget = acme.budget(day_usd="1")
    claim = at_work(acme)
    denied = acme.ada.spend(claim, "1.000001").refused(402, "budget_exceeded")
    kept = acme.otto.get(f"transactions/{denied['transaction']['id']}").ok()
    assert (kept["status"], kept["denied_code"], kept["denied_reason"]) == (
        "denied",
        "budget_exceeded",
        denied["detail"],
    )
    assert kept["budgets"] == [budget["id"]]
    assert spent(acme, budget) == ("0.00", "0.00", "1.00")


def test_a_refusal_says_what_is_left_and_when_more_is(acme: Stage) -> None:
    budget = acme.budget(day_usd="3", month_usd="100")
    claim = at_work(acme)
    acme.ada.spend(claim, "2.20").ok(201)
    denied = acme.ada.spend(claim, "0.81").refused(402, "budget_exceeded")
    assert (denied["remaining_usd"], denied["window"], denied["budget"]) == ("0.80", "day", budget["id"])
    _, ends = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    assert datetime.fromisoformat(denied["resets_at"]) == ends
    acme.ada.spend(claim, denied["remaining_usd"]).ok(201)
    check_books(acme)


@pytest.mark.parametrize(
    ("limits", "window", "resets"),
    [
        ({"per_transaction_usd": "1"}, "transaction", False),
        ({"day_usd": "1"}, "day", True),
        ({"month_usd": "1"}, "month", True),
        ({"total_usd": "1"}, "total", False),
        ({"per_transaction_usd": "9", "day_usd": "9", "month_usd": "1", "total_usd": "9"}, "month", True),
        ({"day_usd": "1", "month_usd": "1"}, "month", True),
    ],
)
def test_every_window_limits(acme: Stage, limits: dict[str, str], window: str, resets: bool) -> None:
    acme.budget(**limits)
    claim = at_work(acme)
    acme.ada.spend(claim, "1").ok(201)
    refused = acme.ada.spend(claim, "1.5").refused(402, "budget_exceeded")
    assert (refused["window"], refused["resets_at"] is not None) == (window, resets)


def test_the_limit_of_one_purchase_counts_each_by_itself(acme: Stage) -> None:
    acme.budget(per_transaction_usd="1")
    claim = at_work(acme)
    for _ in range(3):
        acme.ada.spend(claim, "1").ok(201)
    assert acme.ada.spend(claim, "1.01").refused(402, "budget_exceeded")["remaining_usd"] == "1.00"


def test_all_budgets_that_apply_must_permit_and_the_deciding_one_is_named_first(acme: Stage) -> None:
    campaign = acme.otto.post("campaigns", {"name": "harbour", "goal": "be seen"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    claim = at_work(acme, session=session)
    scopes = {"campaign": campaign["id"], "session": session["id"], "agent": acme.ada.id, "task": claim["task"]["id"]}
    budgets = {"tenant": acme.budget(day_usd="100")["id"]}
    for scope, scope_id in scopes.items():
        budgets[scope] = acme.budget(scope=scope, scope_id=scope_id, day_usd="100")["id"]
    for scope in ("tenant", *scopes):
        acme.fay.patch(f"budgets/{budgets[scope]}", {"day_usd": "0.50"}).ok()
        denied = acme.ada.spend(claim, "1").refused(402, "budget_exceeded")
        assert (denied["budget"], denied["transaction"]["budgets"][0]) == (budgets[scope], budgets[scope])
        assert set(denied["transaction"]["budgets"]) == set(budgets.values())
        acme.fay.patch(f"budgets/{budgets[scope]}", {"day_usd": "100"}).ok()
    held = acme.ada.spend(claim, "1").ok(201)
    assert set(held["budgets"]) == set(budgets.values())
    check_books(acme)


def test_budgets_of_others_do_not_apply(acme: Stage) -> None:
    mine, other = acme.session(), acme.session()
    acme.budget(scope="session", scope_id=other["id"], day_usd="0")
    acme.budget(scope="agent", scope_id=acme.bob.id, day_usd="0")
    acme.budget(scope="session", scope_id=mine["id"], day_usd="5")
    acme.ada.spend(at_work(acme, session=mine), "5").ok(201)


def test_when_one_window_refuses_no_other_keeps_a_part(acme: Stage) -> None:
    wide = acme.budget(day_usd="100")
    narrow = acme.budget(scope="agent", scope_id=acme.ada.id, total_usd="1")
    acme.ada.spend(at_work(acme), "2").refused(402, "budget_exceeded")
    assert spent(acme, wide)[0] == spent(acme, narrow, "total")[0] == "0.00"
    check_books(acme)


def test_an_inactive_budget_denies(acme: Stage) -> None:
    budget = acme.budget(day_usd="10", is_active=False)
    denied = acme.ada.spend(at_work(acme), "1").refused(402, "budget_inactive")
    assert denied["budget"] == budget["id"]


def test_an_inactive_budget_is_passed_over_for_an_active_one_of_the_same_scope(acme: Stage) -> None:
    old = acme.budget(day_usd="0", is_active=False)
    new = acme.budget(day_usd="10")
    held = acme.ada.spend(at_work(acme), "1").ok(201)
    assert held["budgets"] == [new["id"]]
    assert spent(acme, old)[0] == "0.00"


def test_an_active_budget_of_another_scope_does_not_stand_in(acme: Stage) -> None:
    acme.budget(day_usd="10")
    acme.budget(scope="agent", scope_id=acme.ada.id, day_usd="10", is_active=False)
    acme.ada.spend(at_work(acme), "1").refused(402, "budget_inactive")


def test_a_budget_in_another_currency_denies(acme: Stage) -> None:
    acme.budget(day_usd="10")
    euros = acme.budget(scope="agent", scope_id=acme.ada.id, day_usd="10", currency="EUR")
    denied = acme.ada.spend(at_work(acme), "1").refused(402, "currency_mismatch")
    assert denied["budget"] == euros["id"]


def test_a_dry_run_never_spends(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme, execution_mode="dry_run")
    denied = acme.ada.spend(claim, "1").refused(402, "dry_run")
    assert denied["transaction"]["status"] == "denied"
    assert spent(acme, budget) == ("0.00", "0.00", "10.00")


NO_AMOUNTS: list[Any] = ["0", "-1", "-0.01", "NaN", "sNaN", "Infinity", "-Infinity", "1e400", "1e-400", "0.0000001"]
NO_AMOUNTS += ["1000000001", "", " 1", "1_0", "ten", "٣", 1, 0.5, True, None, ["1"], {}]


def test_what_is_no_amount_is_refused_and_writes_nothing(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    for amount in NO_AMOUNTS:
        said = acme.ada.spend(claim, amount)
        assert said.status == 422, amount
        assert [e["field"] for e in said["errors"]] == ["amount_usd"], amount
    assert acme.ada.get("transactions").ok()["results"] == []


@pytest.mark.parametrize("raw", [b'{"amount_usd": NaN}', b'{"amount_usd": 1e400}', b'{"amount_usd": Infinity}'])
def test_numbers_that_are_not_numbers_do_not_parse(acme: Stage, raw: bytes) -> None:
    acme.ada.post("transactions", raw).refused(400, "malformed_json")


def test_an_amount_may_have_six_decimals(acme: Stage) -> None:
    budget = acme.budget(day_usd="0.000003")
    claim = at_work(acme)
    for _ in range(3):
        acme.ada.spend(claim, "0.000001").ok(201)
    acme.ada.spend(claim, "0.000001").refused(402, "budget_exceeded")
    assert spent(acme, budget) == ("0.000003", "0.00", "0.00")


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("asset_symbol", "DOGE", "unknown_asset"),
    ("asset_symbol", "usd", "unknown_asset"),
    ("asset_symbol", "X" * 17, "invalid"),
    ("asset_symbol", 5, "invalid"),
    ("payee", "x" * 201, "invalid"),
    ("payee", "a\x00b", "invalid"),
    ("category", "x" * 81, "invalid"),
    ("purpose", "x" * 201, "invalid"),
    ("purpose", "a\x00b", "invalid"),
    ("purpose", 5, "invalid"),
    ("metadata", [], "not_an_object"),
    ("metadata", {"k": "x" * 17_000}, "too_large"),
    ("task", "7", "invalid"),
    ("lease_token", "gone", "invalid"),
    ("surprise", "!", "unknown_field"),
]


def test_a_bad_field_is_named_and_writes_nothing(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    for field, value, code in BAD_FIELDS:
        said = acme.ada.spend(claim, "1", **{field: value})
        assert (said.status, said["code"]) == (422, code), said.body
        assert [e["field"] for e in said["errors"]] == [field]
    assert acme.ada.get("transactions").ok()["results"] == []


@pytest.mark.parametrize("missing", ["task", "lease_token", "amount_usd", "asset_symbol"])
def test_what_a_request_needs_is_demanded(acme: Stage, missing: str) -> None:
    body = {"task": str(uuid4()), "lease_token": str(uuid4()), "amount_usd": "1", "asset_symbol": "USD"}
    said = acme.ada.post("transactions", {k: v for k, v in body.items() if k != missing})
    assert said.status == 422
    assert [e["field"] for e in said["errors"]] == [missing]


def test_an_unknown_task_and_another_tenants_task_do_not_exist(acme: Stage, zenith: Stage) -> None:
    zenith.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim | {"task": {"id": str(uuid4())}}, "1").refused(404, "not_found")
    zenith.ada.spend(claim, "1").refused(404, "not_found")


def test_only_the_lease_of_a_running_task_spends(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim | {"lease_token": str(uuid4())}, "1").refused(409, "stale_lease")
    acme.bob.spend(claim, "1").refused(409, "stale_lease")
    acme.ada.finish(claim).ok()
    acme.ada.spend(claim, "1").refused(409, "stale_lease")
    assert acme.ada.get("transactions").ok()["results"] == []


def test_only_workers_spend(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    for who in (acme.pia, acme.jude, acme.rita, acme.otto, acme.fay, acme.anna, acme.boss):
        who.spend(claim, "1").refused(403, "role")


def test_a_repeated_call_with_the_same_key_gets_the_first_answer(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    body = {"task": claim["task"]["id"], "lease_token": claim["lease_token"], "amount_usd": "4", "asset_symbol": "USD"}
    first = acme.ada.post("transactions", body, Idempotency_Key="k1").ok(201)
    again = acme.ada.post("transactions", body, Idempotency_Key="k1").ok(201)
    assert again.body == first.body
    assert spent(acme, budget)[0] == "4.00"
    over = body | {"amount_usd": "7"}
    refused = acme.ada.post("transactions", over, Idempotency_Key="k2").refused(402, "budget_exceeded")
    assert (
        acme.ada.post("transactions", over, Idempotency_Key="k2").refused(402, "budget_exceeded").body == refused.body
    )
    acme.ada.post("transactions", over, Idempotency_Key="k1").refused(422, "idempotency_key_reused")
    assert len(acme.ada.get("transactions").ok()["results"]) == 2


def test_the_list_is_filtered_by_task_session_and_status(acme: Stage) -> None:
    acme.budget(day_usd="10")
    one, two = at_work(acme), at_work(acme)
    held = acme.ada.spend(one, "1").ok(201)
    denied = acme.ada.spend(two, "11").refused(402, "budget_exceeded")["transaction"]

    def found(**query: str) -> list[str]:
        return [row["id"] for row in acme.anna.get("transactions", **query).ok()["results"]]

    assert found() == [denied["id"], held["id"]]
    assert found(task=one["task"]["id"]) == [held["id"]]
    assert found(session=two["task"]["session"]) == [denied["id"]]
    assert found(status="denied") == [denied["id"]]
    assert found(status="held", task=two["task"]["id"]) == []
    acme.anna.get("transactions", status="lost").refused(422, "invalid")
    acme.anna.get("transactions", task="x").refused(422, "invalid")
    page = acme.anna.get("transactions", limit="1").ok()
    assert [row["id"] for row in acme.anna.get("transactions", cursor=page["next"]).ok()["results"]] == [held["id"]]


def test_another_tenant_sees_none_of_it(acme: Stage, zenith: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "1").ok(201)
    assert zenith.boss.get("transactions").ok()["results"] == []
    zenith.boss.get(f"transactions/{held['id']}").refused(404, "not_found")
    for verb in ("capture", "void"):
        zenith.ada.post(f"transactions/{held['id']}/{verb}", {"lease_token": claim["lease_token"]}).refused(
            404, "not_found"
        )
    with zenith.bound():
        assert Transaction.objects.count() == SpendWindow.objects.count() == 0


def test_a_hold_belongs_to_the_day_it_was_asked_for(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    _, midnight = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    with acme.bound():
        Task.objects.filter(pk=claim["task"]["id"]).update(lease_expires_at=midnight + timedelta(hours=1))
    with clock.held(midnight - timedelta(milliseconds=100)):
        held = acme.ada.spend(claim, "6").ok(201)
        assert spent(acme, budget) == ("6.00", "0.00", "4.00")
    with clock.held(midnight + timedelta(seconds=1)):
        assert spent(acme, budget) == ("0.00", "0.00", "10.00")
        acme.ada.spend(claim, "10").ok(201)
        acme.ada.post(
            f"transactions/{held['id']}/capture", {"lease_token": claim["lease_token"], "amount_usd": "5"}
        ).ok()
        assert spent(acme, budget) == ("10.00", "0.00", "0.00")
    with clock.held(midnight - timedelta(milliseconds=50)):
        assert spent(acme, budget) == ("0.00", "5.00", "5.00")
    assert spent(acme, budget, "total") == ("10.00", "5.00", None)
    check_books(acme)


def test_sums_are_exact_to_the_millionth(acme: Stage) -> None:
    acme.budget(total_usd="1000000")
    claim = at_work(acme)
    for amount in ("0.100000", "0.200000", "0.000001", "123456.789012"):
        acme.ada.spend(claim, amount).ok(201)
    with acme.bound():
        total = SpendWindow.objects.get(kind="total")
    assert total.held_usd == Decimal("123457.089013")
