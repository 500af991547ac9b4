"""Idempotency-Key: the same call once, whoever repeats it, whenever, and however many at a time."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings

from chimera.kernel import clock, idempotency, tenancy
from chimera.kernel.idempotency import Answer
from tests import cluster
from tests.cast import Stage
from tests.races.threads import InBackground, at_once, held_after, wait_for_waiters

Settle = Callable[[], None]
CALL = {"name": "Harbour", "goal": "Fill the baths"}


def campaigns(acme: Stage) -> int:
    return len(acme.otto.get("campaigns").ok()["results"])


def test_many_at_once_do_it_once_and_hear_the_same(acme: Stage) -> None:
    said = at_once([lambda: acme.otto.post("campaigns", CALL, Idempotency_Key="one")] * 8)
    assert {s.ok(201)["id"] for s in said} == {said[0]["id"]}
    assert Counter(s.headers.get("Idempotent-Replayed") for s in said) == {None: 1, "true": 7}
    assert campaigns(acme) == 1


def test_a_twin_waits_for_the_first_to_commit(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with held_after(monkeypatch, idempotency.Once, "keep") as hold:
        first = InBackground(lambda: acme.otto.post("campaigns", CALL, Idempotency_Key="one"))
        hold.wait_reached()
        twin = InBackground(lambda: acme.otto.post("campaigns", CALL, Idempotency_Key="one"))
        wait_for_waiters()
        hold.release()
        assert first.answer().ok(201).body == twin.answer().ok(201).body
    assert campaigns(acme) == 1


def test_a_first_call_that_failed_leaves_the_key_free(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> None:
        raise ConnectionAbortedError("the process died here")

    with monkeypatch.context() as patched:
        patched.setattr(idempotency.Once, "keep", lost)
        with pytest.raises(ConnectionAbortedError):
            acme.otto.post("campaigns", CALL, Idempotency_Key="one")
    assert campaigns(acme) == 0
    acme.otto.post("campaigns", CALL, Idempotency_Key="one").ok(201)
    assert campaigns(acme) == 1


def test_a_refusal_is_not_kept(acme: Stage) -> None:
    acme.otto.post("campaigns", {"name": "Harbour"}, Idempotency_Key="one").refused(422, "invalid")
    acme.otto.post("campaigns", CALL, Idempotency_Key="one").ok(201)


def test_a_denied_spend_is_a_row_and_is_kept(acme: Stage, settle: Settle) -> None:
    acme.budget(day_usd="1")
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    body = {"task": claim["task"]["id"], "lease_token": claim["lease_token"], "amount_usd": "2", "asset_symbol": "USD"}
    first = acme.ada.post("transactions", body, Idempotency_Key="buy").refused(402, "budget_exceeded")
    again = acme.ada.post("transactions", body, Idempotency_Key="buy").refused(402, "budget_exceeded")
    assert again.body == first.body
    assert len(acme.fay.get("transactions").ok()["results"]) == 1


def test_the_same_key_elsewhere_is_another_call(acme: Stage) -> None:
    acme.otto.post("campaigns", CALL, Idempotency_Key="one").ok(201)
    acme.otto.post("sessions", {}, Idempotency_Key="one").refused(422, "idempotency_key_reused")
    acme.boss.post("campaigns", CALL, Idempotency_Key="one").ok(201)
    assert campaigns(acme) == 2


def test_neither_key_nor_answer_can_be_read_from_the_table(acme: Stage) -> None:
    key = "a-key-nobody-should-find"
    shown = acme.otto.post("agents", {"name": "mia", "role": "worker"}, Idempotency_Key=key).ok(201)
    with psycopg.connect(cluster.postgres.urls.superuser) as everything:
        rows = everything.execute("SELECT principal, key_digest, request_digest, body FROM kernel_answer").fetchall()
    stored = b"".join(bytes(part) if not isinstance(part, str) else part.encode() for row in rows for part in row)
    assert len(rows) == 1
    for secret in (key.encode(), shown["key"].encode(), b"mia"):
        assert secret not in stored


def test_an_answer_is_kept_for_a_day_and_then_swept(acme: Stage) -> None:
    first = acme.otto.post("campaigns", CALL, Idempotency_Key="one").ok(201)
    with clock.held(clock.now() + settings.IDEMPOTENCY_KEPT - timedelta(minutes=1)):
        assert acme.otto.post("campaigns", CALL, Idempotency_Key="one").ok(201)["id"] == first["id"]
        with tenancy.system():
            assert idempotency.sweep() == 0
    with clock.held(clock.now() + settings.IDEMPOTENCY_KEPT + timedelta(minutes=1)):
        later = acme.otto.post("campaigns", CALL, Idempotency_Key="one").ok(201)
        assert later["id"] != first["id"], "after a day the key is free, also before the sweep"
        with tenancy.system():
            assert idempotency.sweep() == 0, "the new answer took the old one's place"
    with clock.held(clock.now() + 3 * settings.IDEMPOTENCY_KEPT), tenancy.system():
        assert idempotency.sweep() == 1
        assert not Answer.objects.exists()
