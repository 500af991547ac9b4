"""Reconciliation: drift that is planted is named to the row; the mirror is repaired, and the ledger is never touched."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from chimera.flows.reconcile import reconcile
from chimera.kernel import clock, redis
from chimera.kernel.ids import uuid7
from commerce.accumulator import Mirror
from commerce.drift import Drift
from tests import cluster
from tests.cast import Caller, Stage
from tests.commerce.books import at_work, claimed_again
from tests.lanes import settle
from tests.races.threads import InBackground

LONG_AGO = "UPDATE commerce_transition SET at = at - interval '1 minute'"


@pytest.fixture
def ledger(acme: Stage) -> dict[str, str]:
    """Transactions in every state, settled long ago, and a mirror that knows them. 60 + 3 held, 2 captured: 65."""
    acme.budget(day_usd="100", approval_threshold_usd="50")
    one, two = at_work(acme), at_work(acme)
    made = {name: acme.ada.spend(one, "3").ok(201)["id"] for name in ("held", "captured", "voided")}
    lease = {"lease_token": one["lease_token"]}
    acme.ada.post(f"transactions/{made['captured']}/capture", lease | {"amount_usd": "2"}).ok()
    acme.ada.post(f"transactions/{made['voided']}/void", lease).ok()
    acme.ada.spend(one, "1000").refused(402, "budget_exceeded")
    made["review"] = acme.ada.spend(two, "60").ok(202)["id"]
    settle()
    Mirror().write()
    plant(LONG_AGO)
    return made


def plant(sql: str, *params: Any) -> None:
    """Behind every rule's back, as a superuser or a broken disk could."""
    with psycopg.connect(cluster.postgres.urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(sql, params).rowcount, "it met no row"


def found(*words: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Exit code, drifts and the last line of `manage.py reconcile --json`."""
    out = StringIO()
    code = 0
    try:
        call_command("reconcile", "--json", *words, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    *drifts, end_line = [json.loads(line) for line in out.getvalue().splitlines()]
    return code, drifts, end_line


def named(drifts: list[dict[str, Any]]) -> set[tuple[str, str, str, str, str]]:
    return {(d["place"], d["row"], d["name"], d["expected"], d["found"]) for d in drifts}


def key_of(stage: Stage) -> str:
    return redis.spend(stage.tenant_id, clock.day_in("Europe/Lisbon"))


def window(kind: str = "day") -> str:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT id::text FROM commerce_spendwindow WHERE kind = %s", [kind])
        return str(cursor.fetchone()[0])


def test_a_ledger_that_lived_agrees(ledger: dict[str, str]) -> None:
    code, drifts, end = found()
    assert (code, drifts) == (0, [])
    assert end == {
        "looked_at": {"window": 3, "transaction": 5, "transition": 7, "mirror": 1},
        "drifts": 0,
        "repaired": 0,
    }


def test_resumed_and_finished_money_agrees_too(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    acme.ada.spend(claim, "2").ok(201)
    spend = acme.ada.spend(claim, "8").ok(202)
    acme.rita.post(f"reviews/{spend['review']}/decision", {"decision": "approve"}).ok()
    acme.ada.finish(claimed_again(acme, claim)).ok()
    settle()
    Mirror().write()
    assert found()[:2] == (0, [])


def test_a_window_that_miscounts_is_named_with_both_figures(ledger: dict[str, str]) -> None:
    plant("UPDATE commerce_spendwindow SET held_usd = held_usd - 3 WHERE kind = 'month'")
    plant("UPDATE commerce_spendwindow SET captured_usd = 0 WHERE kind = 'total'")
    code, drifts, end = found("--repair")
    assert code == 1
    assert named(drifts) == {
        ("window", window("month"), "held_usd", "63.00", "60.00"),
        ("window", window("total"), "captured_usd", "2.00", "0.00"),
    }
    assert end["drifts"] == 2
    assert found()[1] == drifts, "nothing of the ledger is ever repaired"


def test_a_window_that_is_gone_is_named(ledger: dict[str, str]) -> None:
    day = window()
    plant("DELETE FROM commerce_spendwindow WHERE kind = 'day'")
    _, drifts, _ = found()
    assert ("window", day, "row", "a window", "nothing") in named(drifts)
    assert "4 transactions: 63.00 held, 2.00 captured" in next(d for d in drifts if d["row"] == day)["detail"]


def test_a_transaction_that_was_changed_behind_the_trigger_is_named(ledger: dict[str, str]) -> None:
    """Its windows too: they no longer are the sum of what names them."""
    plant("UPDATE commerce_transaction SET amount_usd = 4 WHERE id = %s", ledger["held"])
    plant("UPDATE commerce_transaction SET version = 9 WHERE id = %s", ledger["voided"])
    plant("UPDATE commerce_transaction SET amount_usd = 500 WHERE id = %s", ledger["captured"])
    _, drifts, _ = found()
    assert {row for row in named(drifts) if row[0] == "transaction"} == {
        ("transaction", ledger["held"], "held_usd", "3.00", "4.00"),
        ("transaction", ledger["held"], "amount_usd", "3.00", "4.00"),
        ("transaction", ledger["captured"], "amount_usd", "3.00", "500.00"),
        ("transaction", ledger["voided"], "version", "2", "9"),
    }
    assert ("window", window(), "held_usd", "64.00", "63.00") in named(drifts)


def test_a_transaction_that_was_settled_behind_the_trigger_is_named_by_field(ledger: dict[str, str]) -> None:
    sql = "UPDATE commerce_transaction SET status = 'captured', captured_usd = 3, keeper = NULL, lease_token = NULL, settled_at = now()"
    plant(f"{sql} WHERE id = %s", ledger["held"])
    _, drifts, _ = found()
    assert {row[2:] for row in named(drifts) if row[1] == ledger["held"]} == {
        ("status", "held", "captured"),
        ("keeper", "lease", "nothing"),
        ("held_usd", "3.00", "0.00"),
        ("captured_usd", "0.00", "3.00"),
    }


def test_a_transaction_that_is_gone_is_named(ledger: dict[str, str]) -> None:
    plant("DELETE FROM commerce_transaction WHERE id = %s", ledger["captured"])
    _, drifts, _ = found()
    assert ("transaction", ledger["captured"], "row", "a transaction", "nothing") in named(drifts)
    assert ("window", window(), "captured_usd", "0.00", "2.00") in named(drifts)


def test_a_transaction_in_a_window_of_another_day_or_budget_or_in_none_is_named(
    acme: Stage, ledger: dict[str, str]
) -> None:
    plant(
        "UPDATE commerce_spendwindow SET starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day' WHERE kind = 'day'"
    )
    plant("UPDATE commerce_transaction SET budgets = '{}' WHERE id = %s", ledger["voided"])
    plant("UPDATE commerce_transaction SET windows = '{}' WHERE id = %s", ledger["held"])
    _, drifts, _ = found()
    misplaced = {(d["row"], d["name"]) for d in drifts if d["place"] == "transaction"}
    assert misplaced == {
        (ledger["review"], "created_at"),
        (ledger["captured"], "created_at"),
        (ledger["voided"], "created_at"),
        (ledger["voided"], "budgets"),
        (ledger["held"], "windows"),
    }


@pytest.mark.parametrize("version", [1, 2])
def test_a_transition_that_is_gone_is_named(ledger: dict[str, str], version: int) -> None:
    """The first shows as a chain that begins in the middle, the last as a row that nobody told about."""
    plant("DELETE FROM commerce_transition WHERE transaction_id = %s AND version = %s", ledger["captured"], version)
    _, drifts, _ = found()
    if version == 1:
        assert named(drifts) == {("transition", f"{ledger['captured']} 2", "from_status", "the step before", "another")}
    else:
        assert ("transaction", ledger["captured"], "version", "1", "2") in named(drifts)


def test_transitions_that_are_all_gone_or_do_not_follow_are_named(ledger: dict[str, str]) -> None:
    plant("DELETE FROM commerce_transition WHERE transaction_id = %s", ledger["held"])
    plant(
        "UPDATE commerce_transition SET from_status = 'review' WHERE transaction_id = %s AND version = 2",
        ledger["voided"],
    )
    _, drifts, _ = found()
    assert named(drifts) == {
        ("transition", f"{ledger['held']} 1", "row", "a transition", "nothing"),
        ("transition", f"{ledger['voided']} 2", "from_status", "the step before", "another"),
    }


def test_a_mirror_that_says_something_else_is_named_and_repaired(acme: Stage, ledger: dict[str, str]) -> None:
    key = key_of(acme)
    for wrong in ("1", "64999999", "a lot"):
        redis.client().set(key, wrong)
        code, drifts, _ = found()
        assert (code, named(drifts)) == (1, {("mirror", key, "value", "65000000", wrong)})
    code, drifts, end = found("--repair")
    assert (code, [d["repaired"] for d in drifts], end["drifts"], end["repaired"]) == (0, [True], 0, 1)
    assert redis.client().get(key) == "65000000"
    assert 0 < redis.client().ttl(key) <= 24 * 3600
    assert found()[:2] == (0, [])


def test_a_mirror_that_was_lost_is_named_and_repaired(acme: Stage, ledger: dict[str, str]) -> None:
    redis.client().flushall()
    assert named(found()[1]) == {("mirror", key_of(acme), "value", "65000000", "nothing")}
    assert found("--repair")[0] == 0
    assert redis.client().get(key_of(acme)) == "65000000"


def test_a_key_that_no_tenant_or_no_day_has_is_named_and_removed(acme: Stage, ledger: dict[str, str]) -> None:
    strange = {
        f"chimera:spend:{uuid7()}:2026-01-01",
        f"chimera:spend:{acme.tenant_id}:2020-01-01",
        "chimera:spend:nobody:never",
    }
    for key in strange:
        redis.client().set(key, 5)
    code, drifts, _ = found()
    assert (code, named(drifts)) == (1, {("mirror", key, "value", "nothing", "5") for key in strange})
    assert found("--repair")[0] == 0
    assert redis.client().keys("chimera:spend:*") == [key_of(acme)]


def test_a_mirror_that_is_only_late_is_no_drift(acme: Stage, ledger: dict[str, str]) -> None:
    """It is written once a second: what moved in the last seconds may be in it or not, and nothing else."""
    claim = at_work(acme)
    acme.ada.spend(claim, "1").ok(201)
    acme.ada.spend(claim, "2").ok(201)
    for late in (65, 66, 67, 68):
        redis.client().set(key_of(acme), late * 1_000_000)
        assert found()[:2] == (0, []), late
    redis.client().set(key_of(acme), 68_000_001)
    assert named(found()[1]) == {("mirror", key_of(acme), "value", "65000000 to 68000000", "68000001")}


def test_while_redis_is_away_the_ledger_is_compared_all_the_same(ledger: dict[str, str]) -> None:
    plant("UPDATE commerce_spendwindow SET held_usd = 0 WHERE kind = 'month'")
    cluster.redis.stop()
    try:
        code, drifts, end = found("--repair")
    finally:
        cluster.redis.start()
    assert (code, len(drifts), end["looked_at"]["mirror"]) == (1, 1, None)


def test_one_tenant_is_asked_alone(acme: Stage, zenith: Stage, ledger: dict[str, str]) -> None:
    plant("UPDATE commerce_spendwindow SET held_usd = 0 WHERE kind = 'month'")
    zenith.budget(day_usd="10")
    zenith.ada.spend(at_work(zenith), "1").ok(201)
    assert found("--tenant", "Zenith")[:2] == (0, [])
    assert [d["tenant_id"] for d in found("--tenant", "Acme")[1]] == [str(acme.tenant_id)]
    assert len(found()[1]) == 1


def test_a_person_reads_a_table(ledger: dict[str, str]) -> None:
    plant("UPDATE commerce_spendwindow SET held_usd = 0 WHERE kind = 'month'")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("reconcile", stdout=out)
    text = out.getvalue()
    assert window("month") in text
    assert "held_usd  63.00     0.00" in text
    assert "Looked at 3 windows, 5 transactions, 7 transitions, 1 key of the mirror." in text
    assert "1 does not agree. Nothing of the ledger was changed." in text


def test_while_spends_go_on_nothing_is_mistaken_for_drift(acme: Stage, ledger: dict[str, str]) -> None:
    acme.budget(scope="agent", scope_id=acme.ada.id, total_usd="1000")
    claim = at_work(acme)
    overlapped, deadline = 0, time.monotonic() + 60
    with spending(acme, claim) as done:
        while overlapped < 8:
            assert time.monotonic() < deadline, "nobody spends meanwhile"
            before, drifts = len(done), list[Drift]()
            reconcile(tenant_id=None, repair=False, tell=drifts.append)
            assert drifts == []
            overlapped += len(done) > before


@contextmanager
def spending(acme: Stage, claim: dict[str, Any]) -> Iterator[list[str]]:
    """Two threads hold, capture and give back all the while; the list grows with what they did."""
    stop, done = threading.Event(), list[str]()

    def spend() -> None:
        ada = Caller(acme.ada.secret)
        lease = {"lease_token": claim["lease_token"]}
        while not stop.is_set():
            held = ada.spend(claim, "0.01").ok(201)["id"]
            ada.post(f"transactions/{held}/{'capture' if len(done) % 2 else 'void'}", lease).ok()
            done.append(held)

    threads = [InBackground(spend) for _ in range(2)]
    try:
        yield done
    finally:
        stop.set()
        assert [thread.answer() for thread in threads] == [None, None]


def test_what_is_found_is_sent_in_pieces(acme: Stage, ledger: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commerce.actions.reconciling.AT_ONCE", 2)
    plant("UPDATE commerce_spendwindow SET held_usd = 0")
    seen: list[Drift] = []
    done = reconcile(tenant_id=UUID(str(acme.tenant_id)), repair=False, tell=seen.append)
    assert (len(seen), done.drifts) == (3, 3)


def test_metered_holds_agree_however_they_are_or_ended(acme: Stage) -> None:
    """Running, captured with its task, used up beyond its limit, refused at once, and kept by a card."""
    acme.budget(day_usd="100", approval_threshold_usd="50")
    _, finished, used_up, refused, kept = claims = [at_work(acme) for _ in range(5)]
    acme.budget(scope="task", scope_id=used_up["task"]["id"], total_usd="1")
    acme.budget(scope="task", scope_id=refused["task"]["id"], total_usd="0")
    for cost in ("0.20", "0.70", "0.75"):
        for claim in claims:
            body = {"lease_token": claim["lease_token"], "cost_usd": cost}
            acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", body)
    over = {"lease_token": used_up["lease_token"], "cost_usd": "3.00"}
    assert acme.ada.post(f"tasks/{used_up['task']['id']}/heartbeat", over).ok()["commands"] == ["stop"]
    acme.ada.finish(finished).ok()
    acme.ada.spend(kept, "60").ok(202)
    settle()
    Mirror().write()
    plant(LONG_AGO)
    statuses = [row["status"] for row in acme.fay.get("transactions").ok()["results"]]
    assert sorted(statuses) == ["captured", "captured", "denied", "held", "held", "review"]
    assert found()[:2] == (0, [])
