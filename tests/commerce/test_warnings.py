"""Warnings at 50, 80 and 100 %: once of each window, threshold and limit, whoever looks and how often."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chimera.flows.warn_budgets import Watch
from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from commerce.limits import reached
from tests.cast import Stage
from tests.commerce.books import at_work
from tests.commerce.test_increases import granted
from tests.races.threads import at_once

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def told(acme: Stage, budget: dict[str, Any]) -> list[tuple[str, int, str]]:
    """(window, percent, limit) in the order of their telling."""
    with acme.bound():
        rows = Event.objects.filter(aggregate_id=budget["id"], type="commerce.budget.warned.v1").order_by("xid", "seq")
        return [(e.payload["window"], e.payload["percent"], e.payload["limit_usd"]) for e in rows]


@pytest.mark.parametrize(
    ("used", "limit", "percent"),
    [
        ("0", "10", 0),
        ("4.999999", "10", 0),
        ("5", "10", 50),
        ("7.999999", "10", 50),
        ("8", "10", 80),
        ("9.999999", "10", 80),
        ("10", "10", 100),
        ("12", "10", 100),
        ("12", None, 0),
        ("0", "0", 0),
        ("0.000001", "0.000002", 50),
    ],
)
def test_a_threshold_is_reached_to_the_millionth(used: str, limit: str | None, percent: int) -> None:
    assert reached(Decimal(used), None if limit is None else Decimal(limit)) == percent


def test_each_threshold_is_told_once_in_each_window(acme: Stage) -> None:
    budget = acme.budget(day_usd="10", month_usd="16")
    claim, watch = at_work(acme), Watch()
    watch.look()
    acme.ada.spend(claim, "4.9").ok(201)
    assert (watch.look(), told(acme, budget)) == (0, [])
    acme.ada.spend(claim, "0.1").ok(201)
    assert watch.look() == 1
    assert told(acme, budget) == [("day", 50, "10.00")]
    acme.ada.spend(claim, "1").ok(201)
    assert watch.look() == 0
    acme.ada.spend(claim, "4").ok(201)
    assert watch.look() == 2
    assert told(acme, budget)[1:] == [("day", 80, "10.00"), ("day", 100, "10.00"), ("month", 50, "16.00")]
    assert (watch.look(), Watch().look()) == (0, 0)


def test_money_that_comes_back_and_goes_again_is_told_once(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim, watch = at_work(acme), Watch()
    for _ in range(3):
        hold = acme.ada.spend(claim, "6").ok(201)
        watch.look()
        acme.ada.post(f"transactions/{hold['id']}/void", {"lease_token": claim["lease_token"]}).ok()
        watch.look()
    assert told(acme, budget) == [("day", 50, "10.00")]


def test_a_changed_limit_that_is_crossed_anew_is_told_anew(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    claim, watch = at_work(acme), Watch()
    acme.ada.spend(claim, "9").ok(201)
    watch.look()
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "11"}).ok()  # 81 %: neither threshold is left
    assert watch.look() == 0
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "16"}).ok()  # 56 %
    assert watch.look() == 0
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "9"}).ok()
    assert watch.look() == 1
    assert told(acme, budget) == [
        ("day", 50, "10.00"),
        ("day", 80, "10.00"),
        ("day", 80, "9.00"),
        ("day", 100, "9.00"),
    ]


def test_an_increase_and_its_end_change_the_limit_too(acme: Stage) -> None:
    from chimera.flows.end_increases import end_increases

    with clock.held(NOON):
        budget = acme.budget(day_usd="10")
        claim, watch = at_work(acme), Watch()
        acme.ada.spend(claim, "8").ok(201)
        watch.look()
        granted(acme, budget, "10", minutes=30)
        assert watch.look() == 0
    with clock.held(NOON + timedelta(minutes=31)):
        end_increases()
        assert watch.look() == 1
    assert told(acme, budget) == [
        ("day", 50, "10.00"),
        ("day", 80, "10.00"),
        ("day", 50, "10.00"),
        ("day", 80, "10.00"),
    ]


def test_many_that_look_at_once_tell_it_once(acme: Stage) -> None:
    budget = acme.budget(day_usd="10", month_usd="10", total_usd="10")
    acme.ada.spend(at_work(acme), "10").ok(201)
    at_once([Watch().look for _ in range(8)])
    assert sorted(told(acme, budget)) == sorted(
        (window, percent, "10.00") for window in ("day", "month", "total") for percent in (50, 80, 100)
    )


def test_a_watch_that_takes_over_misses_nothing(acme: Stage) -> None:
    budget = acme.budget(day_usd="10")
    Watch().look()
    acme.ada.spend(at_work(acme), "6").ok(201)
    assert Watch().look() == 1
    assert told(acme, budget) == [("day", 50, "10.00")]


def test_what_was_used_just_before_midnight_is_told_after_it(acme: Stage) -> None:
    midnight, _ = clock.day_bounds("Europe/Lisbon", clock.day_in("Europe/Lisbon"))
    with clock.held(midnight - timedelta(seconds=1)):
        budget = acme.budget(day_usd="10")
        acme.ada.spend(at_work(acme), "6").ok(201)
    with clock.held(midnight + timedelta(seconds=1)):
        assert Watch().look() == 1
    assert told(acme, budget) == [("day", 50, "10.00")]


def test_a_watch_that_is_far_behind_looks_at_everything(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from chimera.flows import warn_budgets

    monkeypatch.setattr(warn_budgets, "MOVES_MAX", 1)
    budget = acme.budget(day_usd="10")
    claim, watch = at_work(acme), Watch()
    watch.look()
    for _ in range(3):
        acme.ada.spend(claim, "2").ok(201)
    assert watch.look() == 1
    assert told(acme, budget) == [("day", 50, "10.00")]
