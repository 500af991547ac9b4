"""The spend mirror in Redis: absolute, today's, rebuilt when lost, and never asked."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.flows.lapse_leases import lapse_leases
from chimera.kernel import clock, redis
from commerce.accumulator import BATCHES_MAX, Mirror
from tests import cluster
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again
from tests.kernel.log import Writer
from tests.lanes import settle


def mirrored(stage: Stage, zone: str = "Europe/Lisbon") -> int | None:
    found = redis.client().get(redis.spend(stage.tenant_id, clock.day_in(zone)))
    return None if found is None else int(found)


def sums(mirror: Mirror) -> tuple[int, int]:
    """One step: how many days it wrote, and how many sums over the ledger that took."""
    with CaptureQueriesContext(connection) as seen:
        written = mirror.write()
    return written, sum("SUM(" in query["sql"] for query in seen.captured_queries)


@pytest.fixture
def mirror() -> Mirror:
    """As a relay has one that runs for a while."""
    return Mirror()


def test_it_shows_held_in_review_and_captured_of_today_in_micro_dollars(mirror: Mirror, acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="20")
    acme.budget(scope="agent", scope_id=acme.ada.id)  # a second budget, and still every cent counts once
    one, two = at_work(acme), at_work(acme)
    held = acme.ada.spend(one, "3").ok(201)
    acme.ada.spend(one, "1.000001").ok(201)
    acme.ada.spend(two, "21").ok(202)
    acme.ada.spend(one, "500").refused(402, "budget_exceeded")
    settle()
    mirror.write()
    assert mirrored(acme) == 25_000_001
    acme.ada.post(f"transactions/{held['id']}/capture", {"lease_token": one["lease_token"], "amount_usd": "2"}).ok()
    settle()
    mirror.write()
    assert mirrored(acme) == 24_000_001
    acme.otto.post(f"tasks/{one['task']['id']}/cancel", {}).ok()
    settle()
    mirror.write()
    assert mirrored(acme) == 23_000_000


@pytest.mark.parametrize("decision", ["reject", "request_changes", "approve"])
def test_it_follows_a_decision(mirror: Mirror, acme: Stage, decision: str) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="20")
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "21").ok(202)
    settle()
    mirror.write()
    assert mirrored(acme) == 21_000_000
    acme.rita.post(f"reviews/{spend['review']}/decision", {"decision": decision, "note": "seen"}).ok()
    settle()
    mirror.write()
    assert mirrored(acme) == (21_000_000 if decision == "approve" else 0)


def test_it_lives_for_a_day_after_the_last_write(mirror: Mirror, acme: Stage) -> None:
    acme.budget(day_usd="100")
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    settle()
    mirror.write()
    key = redis.spend(acme.tenant_id, clock.day_in("Europe/Lisbon"))
    assert redis.client().type(key) == "string"
    assert 24 * 3600 - 30 < redis.client().ttl(key) <= 24 * 3600


def test_each_tenant_has_its_own_in_its_own_day(mirror: Mirror, acme: Stage, zenith: Stage) -> None:
    acme.budget(day_usd="100")
    zenith.budget(day_usd="100")
    acme.ada.spend(at_work(acme), "3").ok(201)
    zenith.ada.spend(at_work(zenith), "4").ok(201)
    settle()
    mirror.write()
    assert (mirrored(acme), mirrored(zenith, "America/New_York")) == (3_000_000, 4_000_000)


def test_a_hold_settled_after_midnight_counts_in_its_own_day(mirror: Mirror, acme: Stage) -> None:
    acme.budget()
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    settle()
    mirror.write()
    with clock.held(clock.now() + timedelta(days=1)):
        lapse_leases()
        settle()
        mirror.write()
        assert mirrored(acme) is None
    assert mirrored(acme) == 0


def test_a_lost_redis_is_refilled_from_the_ledger(mirror: Mirror, acme: Stage, zenith: Stage) -> None:
    for stage in (acme, zenith):
        stage.budget(day_usd="100")
        stage.ada.spend(at_work(stage), "3").ok(201)
    settle()
    mirror.write()
    redis.client().flushall()
    assert mirrored(acme) is None
    assert mirror.write() == 2
    assert (mirrored(acme), mirrored(zenith, "America/New_York")) == (3_000_000, 3_000_000)


def test_a_wrong_mirror_decides_nothing_and_is_put_right_by_the_next_fact(mirror: Mirror, acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    redis.client().set(redis.spend(acme.tenant_id, clock.day_in("Europe/Lisbon")), 10**15)
    acme.ada.spend(claim, "7").ok(201)
    acme.ada.spend(claim, "0.01").refused(402, "budget_exceeded")
    settle()
    mirror.write()
    assert mirrored(acme) == 10_000_000


def test_money_is_held_decided_and_settled_while_redis_is_away(mirror: Mirror, acme: Stage) -> None:
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
    redis.try_again()  # after a fault nobody asks for a moment
    again = claimed_again(acme, claim)
    acme.ada.finish(again).ok()
    settle()
    mirror.write()
    assert mirrored(acme) == 9_000_000
    check_books(acme)


def test_a_day_is_summed_once_a_step_however_many_spends_it_had_and_not_at_all_without(acme: Stage) -> None:
    acme.budget(day_usd="100")
    claim, mirror = at_work(acme), Mirror()
    settle()
    mirror.write()
    assert sums(mirror) == (0, 0)
    for _ in range(5):
        acme.ada.spend(claim, "1").ok(201)
    assert sums(mirror) == (1, 1)
    assert mirrored(acme) == 5_000_000
    assert sums(mirror) == (0, 0)


def test_another_relay_that_takes_over_the_clock_misses_nothing(acme: Stage) -> None:
    acme.budget(day_usd="100")
    claim, one, other = at_work(acme), Mirror(), Mirror()
    acme.ada.spend(claim, "1").ok(201)
    one.write()
    acme.ada.spend(claim, "2").ok(201)  # and the first one dies
    other.write()
    assert mirrored(acme) == 3_000_000
    acme.ada.spend(claim, "4").ok(201)
    one.write()  # it was only away
    assert mirrored(acme) == 7_000_000


def test_who_is_too_far_behind_writes_every_day_anew(acme: Stage, settings: Any) -> None:
    settings.RELAY_BATCH = 1
    acme.budget(day_usd="100")
    claim, mirror = at_work(acme), Mirror()
    mirror.write()
    for _ in range(BATCHES_MAX + 1):
        acme.ada.spend(claim, "1").ok(201)
    mirror.write()
    assert mirrored(acme) == (BATCHES_MAX + 1) * 1_000_000
    assert sums(mirror) == (0, 0)


def test_the_money_of_an_open_transaction_is_mirrored_when_it_commits(acme: Stage) -> None:
    acme.budget(day_usd="100")
    claim, mirror = at_work(acme), Mirror()
    acme.ada.spend(claim, "1").ok(201)
    with Writer() as slow:
        slow.note("holds the log back")
        acme.ada.spend(claim, "2").ok(201)
        mirror.write()
        slow.commit()
    mirror.write()
    assert mirrored(acme) == 3_000_000
