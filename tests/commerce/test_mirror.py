"""The spend mirror in Redis: absolute, today's, rebuilt when lost, and never asked."""

import time
from contextlib import suppress
from datetime import timedelta

import pytest

from chimera.flows.lapse_leases import lapse_leases
from chimera.kernel import clock, redis
from commerce import accumulator
from tests import cluster
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again
from tests.lanes import settle


def mirrored(stage: Stage, zone: str = "Europe/Lisbon") -> int | None:
    found = redis.client().get(redis.spend(stage.tenant_id, clock.day_in(zone)))
    return None if found is None else int(found)


def wait_for_redis() -> None:
    """After a fault nobody asks Redis for a moment."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(redis.Away), redis.hint() as client:
            client.ping()
            return
        time.sleep(0.02)
    raise AssertionError("Redis does not come back")


def test_it_shows_held_in_review_and_captured_of_today_in_micro_dollars(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="20")
    acme.budget(scope="agent", scope_id=acme.ada.id)  # a second budget, and still every cent counts once
    one, two = at_work(acme), at_work(acme)
    held = acme.ada.spend(one, "3").ok(201)
    acme.ada.spend(one, "1.000001").ok(201)
    acme.ada.spend(two, "21").ok(202)
    acme.ada.spend(one, "500").refused(402, "budget_exceeded")
    settle()
    assert mirrored(acme) == 25_000_001
    acme.ada.post(f"transactions/{held['id']}/capture", {"lease_token": one["lease_token"], "amount_usd": "2"}).ok()
    settle()
    assert mirrored(acme) == 24_000_001
    acme.otto.post(f"tasks/{one['task']['id']}/cancel", {}).ok()
    settle()
    assert mirrored(acme) == 23_000_000


@pytest.mark.parametrize("decision", ["reject", "request_changes", "approve"])
def test_it_follows_a_decision(acme: Stage, decision: str) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="20")
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "21").ok(202)
    settle()
    assert mirrored(acme) == 21_000_000
    acme.rita.post(f"reviews/{spend['review']}/decision", {"decision": decision, "note": "seen"}).ok()
    settle()
    assert mirrored(acme) == (21_000_000 if decision == "approve" else 0)


def test_it_lives_for_a_day_after_the_last_write(acme: Stage) -> None:
    acme.budget(day_usd="100")
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    settle()
    key = redis.spend(acme.tenant_id, clock.day_in("Europe/Lisbon"))
    assert redis.client().type(key) == "string"
    assert 24 * 3600 - 30 < redis.client().ttl(key) <= 24 * 3600


def test_each_tenant_has_its_own_in_its_own_day(acme: Stage, zenith: Stage) -> None:
    acme.budget(day_usd="100")
    zenith.budget(day_usd="100")
    acme.ada.spend(at_work(acme), "3").ok(201)
    zenith.ada.spend(at_work(zenith), "4").ok(201)
    settle()
    assert (mirrored(acme), mirrored(zenith, "America/New_York")) == (3_000_000, 4_000_000)


def test_a_hold_settled_after_midnight_counts_in_its_own_day(acme: Stage) -> None:
    acme.budget()
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    settle()
    with clock.held(clock.now() + timedelta(days=1)):
        lapse_leases()
        settle()
        assert mirrored(acme) is None
    assert mirrored(acme) == 0


def test_a_lost_redis_is_refilled_from_the_ledger(acme: Stage, zenith: Stage) -> None:
    for stage in (acme, zenith):
        stage.budget(day_usd="100")
        stage.ada.spend(at_work(stage), "3").ok(201)
    settle()
    redis.client().flushall()
    assert mirrored(acme) is None
    accumulator.rebuild()
    assert (mirrored(acme), mirrored(zenith, "America/New_York")) == (3_000_000, 3_000_000)


def test_a_wrong_mirror_decides_nothing_and_is_put_right_by_the_next_fact(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    redis.client().set(redis.spend(acme.tenant_id, clock.day_in("Europe/Lisbon")), 10**15)
    acme.ada.spend(claim, "7").ok(201)
    acme.ada.spend(claim, "0.01").refused(402, "budget_exceeded")
    settle()
    assert mirrored(acme) == 10_000_000


def test_money_is_held_decided_and_settled_while_redis_is_away(acme: Stage) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="5")
    claim = at_work(acme)
    cluster.redis.stop()
    try:
        held = acme.ada.spend(claim, "3").ok(201)
        acme.ada.post(f"transactions/{held['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
        acme.ada.spend(claim, "7.01").refused(402, "budget_exceeded")
        spend = acme.ada.spend(claim, "6").ok(202)
        acme.rita.post(f"reviews/{spend['review']}/decision", {"decision": "approve"}).ok()
    finally:
        cluster.redis.start()
    wait_for_redis()
    again = claimed_again(acme, claim)
    acme.ada.finish(again).ok()
    settle()
    assert mirrored(acme) == 9_000_000
    check_books(acme)
