"""What no constraint keeps: money that is bent with raw SQL, in the role of the application, is named to the row by reconcile."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from chimera.flows.end_increases import end_increases
from chimera.flows.reconcile import reconcile
from chimera.kernel import clock
from chimera.kernel.ids import uuid7
from commerce.drift import Drift
from commerce.models import SpendWindow, Transaction
from swarm.models import Tenant
from tests.cast import Caller, Stage, found
from tests.commerce.books import at_work, check_reconciled
from tests.commerce.test_calendar import leased_until, next_day_of
from tests.commerce.test_increases import NOON, granted
from tests.commerce.test_reconcile import plant
from tests.races.threads import InBackground

SETTLED = "keeper = NULL, lease_token = NULL, settled_at = now(), version = version + 1"
SOON = timedelta(seconds=1)


@pytest.fixture
def held(acme: Stage) -> str:
    """5 of a day's 10 held, 2 captured."""
    acme.budget(day_usd="10")
    claim = at_work(acme)
    row = acme.ada.spend(claim, "5").ok(201)
    spent = acme.ada.spend(claim, "2").ok(201)
    acme.ada.post(f"transactions/{spent['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
    check_reconciled()
    return str(row["id"])


def bend(stage: Stage, sql: str, *params: Any) -> None:
    with stage.bound(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        assert cursor.rowcount, "it met no row"


def drifts() -> set[tuple[str, str, str, str]]:
    """(row, name, expected, found)"""
    said: list[Drift] = []
    reconcile(tenant_id=None, repair=False, tell=said.append)
    return {(d.row, d.name, d.expected, d.found) for d in said}


def windows(stage: Stage, **these: Any) -> dict[str, str]:
    with stage.bound():
        return {window.kind: str(window.pk) for window in SpendWindow.objects.filter(**these)}


def copied(stage: Stage, transaction: str, **other: str) -> str:
    """A second row like it, with other columns in SQL; answers its id."""
    fresh = str(uuid7())
    names = [str(field.column) for field in Transaction._meta.concrete_fields]
    values = [f"'{fresh}'" if name == "id" else other.get(name, name) for name in names]
    rows = f"SELECT {', '.join(values)} FROM commerce_transaction WHERE id = %s"
    bend(stage, f"INSERT INTO commerce_transaction ({', '.join(names)}) {rows}", transaction)
    return fresh


# ------------------------------------------------------------------ what windows and ledger say


def test_a_window_that_forgets_what_is_held_or_spent_is_named(acme: Stage, held: str) -> None:
    bend(acme, "UPDATE commerce_spendwindow SET held_usd = 0 WHERE kind = 'day'")
    plant("UPDATE commerce_spendwindow SET captured_usd = 0 WHERE kind = 'total'")
    of = windows(acme)
    assert drifts() == {(of["day"], "held_usd", "5.00", "0.00"), (of["total"], "captured_usd", "2.00", "0.00")}


def test_a_capture_that_moved_no_window_is_named(acme: Stage, held: str) -> None:
    sql = f"UPDATE commerce_transaction SET status = 'captured', captured_usd = amount_usd, {SETTLED} WHERE id = %s"
    bend(acme, sql, held)
    expected = {("held_usd", "0.00", "5.00"), ("captured_usd", "7.00", "2.00")}
    assert drifts() == {(row, *rest) for row in windows(acme).values() for rest in expected}


def test_a_void_that_gave_nothing_back_is_named(acme: Stage, held: str) -> None:
    bend(acme, f"UPDATE commerce_transaction SET status = 'voided', {SETTLED} WHERE id = %s", held)
    assert drifts() == {(row, "held_usd", "0.00", "5.00") for row in windows(acme).values()}


# ------------------------------------------------------------------ where a transaction is counted


def test_a_hold_in_no_window_is_named(acme: Stage, held: str) -> None:
    row = copied(acme, held, version="1", amount_usd="1000000", windows="'{}'")
    assert drifts() == {(row, "windows", "at least one", "none")}


def test_a_hold_that_is_counted_in_some_of_its_windows_is_named_with_the_others(acme: Stage, held: str) -> None:
    of = windows(acme)
    row = copied(acme, held, version="1", amount_usd="1", windows=f"ARRAY['{of['day']}']::uuid[]")
    bend(acme, "UPDATE commerce_spendwindow SET held_usd = held_usd + 1 WHERE kind = 'day'")
    assert drifts() == {(row, "windows", "one month", "none"), (row, "windows", "one total", "none")}


def test_a_hold_that_is_counted_twice_in_a_window_is_named(acme: Stage, held: str) -> None:
    row = copied(acme, held, version="1", amount_usd="1", windows="windows || windows[1]")
    bend(acme, "UPDATE commerce_spendwindow SET held_usd = held_usd + 1")
    with acme.bound():
        twice = SpendWindow.objects.get(pk=Transaction.objects.get(pk=held).windows[0])
    bend(acme, "UPDATE commerce_spendwindow SET held_usd = held_usd + 1 WHERE id = %s", twice.pk)
    assert drifts() == {(row, "windows", f"one {twice.kind}", "2")}


def test_a_hold_that_leaves_out_one_of_its_budgets_or_spends_from_another_is_named(acme: Stage, held: str) -> None:
    other = acme.budget(scope="agent", scope_id=acme.bob.id, total_usd="1")
    left_out = copied(acme, held, version="1", amount_usd="1", budgets=f"budgets || '{other['id']}'::uuid")
    another = copied(acme, held, version="1", amount_usd="1", budgets=f"ARRAY['{other['id']}']::uuid[]")
    bend(acme, "UPDATE commerce_spendwindow SET held_usd = held_usd + 2")
    none = {("windows", f"one {kind}", "none") for kind in ("day", "month", "total")}
    with acme.bound():
        (asked,) = Transaction.objects.get(pk=held).budgets
    unasked = {(another, "budgets", f"with {asked}", "without it")}
    assert drifts() == {(row, *rest) for row in (left_out, another) for rest in none} | unasked


# ------------------------------------------------------------------ what a window permits


def test_a_limit_that_is_not_its_budgets_is_named(acme: Stage, held: str) -> None:
    bend(acme, "UPDATE commerce_budgetconfig SET day_usd = NULL, total_usd = 1000000")
    of = windows(acme)
    assert drifts() == {
        (of["day"], "limit_usd", "nothing", "10.00"),
        (of["total"], "limit_usd", "1000000.00", "nothing"),
    }


def test_a_limit_that_was_taken_off_a_window_is_named(acme: Stage, held: str) -> None:
    plant("UPDATE commerce_spendwindow SET limit_usd = NULL WHERE kind = 'day'")
    assert drifts() == {(windows(acme)["day"], "limit_usd", "10.00", "nothing")}


def test_an_increase_that_was_only_written_down_or_ended_only_in_its_row_is_named(acme: Stage, held: str) -> None:
    with acme.bound():
        (budget,) = Transaction.objects.get(pk=held).budgets
    increase = granted(acme, {"id": budget})
    check_reconciled()
    sql = "UPDATE commerce_limitincrease SET status = 'revoked', ended_at = now(), ended_by = 'x' WHERE id = %s"
    bend(acme, sql, increase["id"])
    day = windows(acme)["day"]
    assert {row for row in drifts() if row[1] == "limit_usd"} == {(day, "limit_usd", "10.00", "15.00")}
    plant("UPDATE commerce_spendwindow SET limit_usd = 10, limit_until = NULL WHERE kind = 'day'")
    check_reconciled()
    plant("UPDATE commerce_limitincrease SET status = 'active', ended_at = NULL, ended_by = ''")
    assert {row for row in drifts() if row[1] == "limit_usd"} == {(day, "limit_usd", "15.00", "10.00")}


def test_an_increase_that_was_made_to_last_in_a_window_is_named(acme: Stage, held: str) -> None:
    with acme.bound():
        (budget,) = Transaction.objects.get(pk=held).budgets
    increase = granted(acme, {"id": budget})
    for until in ("NULL", "limit_until + interval '1 day'"):
        plant(f"UPDATE commerce_spendwindow SET limit_until = {until} WHERE kind = 'day'")
        assert {row[1] for row in drifts()} >= {"limit_until"}, until
        plant("UPDATE commerce_spendwindow SET limit_until = %s WHERE kind = 'day'", increase["expires_at"])
        check_reconciled()


# ------------------------------------------------------------------ what is no drift


def test_increases_that_act_ended_or_were_revoked_are_no_drift(acme: Stage) -> None:
    with clock.held(NOON):
        budget = acme.budget(day_usd="10", month_usd="50", total_usd="70")
        claim = at_work(acme)
        leased_until(acme, claim, NOON + timedelta(hours=5))
        acme.ada.spend(claim, "1").ok(201)
        for minutes in (30, 60, 90):
            granted(acme, budget, minutes=minutes)
            check_reconciled()
        granted(acme, budget, window="total", minutes=45)
        acme.fay.post(f"increases/{granted(acme, budget)['id']}/revoke").ok()
        check_reconciled()
        acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "20", "month_usd": None}).ok()
        check_reconciled()
    for minutes in (30, 60, 90):
        before, after = NOON + timedelta(minutes=minutes) - SOON, NOON + timedelta(minutes=minutes)
        for at in (before, after):
            with clock.held(at):
                check_reconciled()
        with clock.held(after):
            if minutes != 60:
                end_increases()
                check_reconciled()
            acme.ada.spend(claim, "1").ok(201)
        for at in (before, after):  # another process's clock is a second behind
            with clock.held(at):
                check_reconciled()


def test_budgets_that_change_or_are_switched_off_and_on_or_carved_are_no_drift(acme: Stage) -> None:
    session = acme.session()
    first = acme.budget(day_usd="10")
    second = acme.budget(day_usd="100", month_usd="1000")
    claim = at_work(acme, session=session, budget_usd="3")
    acme.ada.spend(claim, "1").ok(201)
    for changes in ({"is_active": False, "day_usd": "5"}, {"is_active": True}, {"day_usd": None}, {"day_usd": "0.50"}):
        acme.fay.patch(f"budgets/{first['id']}", changes).ok()
        check_reconciled()
        acme.ada.spend(claim, "0.10")
        check_reconciled()
    acme.fay.patch(f"budgets/{second['id']}", {"month_usd": "2"}).ok()
    with acme.bound():
        assert Transaction.objects.filter(status="held").count() >= 3
    check_reconciled()


def test_a_refusal_that_asked_no_budget_is_no_drift(acme: Stage) -> None:
    acme.ada.spend(at_work(acme), "1").refused(402, "no_budget")
    acme.ada.spend(at_work(acme, execution_mode="dry_run"), "1").refused(402, "dry_run")
    check_reconciled()


def test_a_meter_over_midnight_is_no_drift(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    _, end = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    leased_until(acme, claim, end + timedelta(hours=1))
    beat = f"tasks/{claim['task']['id']}/heartbeat"
    for at, cost in ((end - SOON, "1"), (end + SOON, "2.50")):
        with clock.held(at):
            acme.ada.post(beat, {"lease_token": claim["lease_token"], "cost_usd": cost}).ok()
            check_reconciled()
    with clock.held(end + SOON):
        acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "7"}).ok()
        check_reconciled()
        acme.ada.finish(claim, cost_usd="3").ok()
        check_reconciled()


@pytest.mark.parametrize("hours", [23, 25])
def test_a_day_on_which_clocks_change_and_another_time_zone_are_no_drift(hours: int, db: None) -> None:
    zone, day = next_day_of(hours)
    start, end = clock.day_bounds(zone, day)
    acme = found("Acme", time_zone=zone)
    acme.budget(day_usd="10", month_usd="100")
    claim = at_work(acme)
    leased_until(acme, claim, end + timedelta(hours=24))
    for at in (start - SOON, start, start + timedelta(hours=5), end - SOON, end):
        with clock.held(at):
            acme.ada.spend(claim, "1").ok(201)
            check_reconciled()
    with acme.bound():
        Tenant.objects.update(time_zone="Asia/Kolkata")
    with clock.held(end + timedelta(hours=23)):
        acme.ada.spend(claim, "1").ok(201)
        check_reconciled()


def test_limits_that_change_while_it_looks_are_no_drift(acme: Stage, held: str) -> None:
    with acme.bound():
        (budget,) = Transaction.objects.get(pk=held).budgets
    stop, done = threading.Event(), list[str]()

    def change() -> None:
        fay = Caller(acme.fay.secret)
        while not stop.is_set():
            fay.patch(f"budgets/{budget}", {"day_usd": str(10 + len(done) % 7)}).ok()
            expires = (clock.now() + timedelta(minutes=5)).isoformat()
            body = {"window": "day", "amount_usd": "1", "expires_at": expires, "reason": "for a moment"}
            increase = fay.post(f"budgets/{budget}/increases", body).ok(201)
            fay.post(f"increases/{increase['id']}/revoke").ok()
            done.append(increase["id"])

    thread = InBackground(change)
    overlapped, deadline = 0, time.monotonic() + 60
    try:
        while overlapped < 8:
            assert time.monotonic() < deadline, "nobody changes anything meanwhile"
            before = len(done)
            check_reconciled()
            overlapped += len(done) > before
    finally:
        stop.set()
    assert thread.answer() is None
