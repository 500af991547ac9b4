"""Racing for what an increase let pass: after its end nobody gets it, however late the clock is and however many ask."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, Q

from chimera.flows.end_increases import end_increases
from chimera.kernel import clock
from chimera.kernel.actors import SYSTEM
from commerce.actions import deciding, windows
from commerce.limits import HasLimits, Limit, usage
from commerce.models import SpendWindow
from swarm.actions import agents
from tests.cast import Caller, Stage
from tests.commerce.books import check_books
from tests.commerce.test_increases import granted, told
from tests.lanes import settle
from tests.races.threads import InBackground, at_once, held_after, wait_for_waiters

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
SPENDERS = 8


@pytest.fixture
def spenders(acme: Stage) -> list[tuple[Caller, dict[str, Any]]]:
    """At noon plus an hour, when what was granted for an hour has just ended, with a lease of their own each."""
    with acme.bound():
        agent, key = agents.register(
            name="mia", role="worker", capabilities=[], tools_config={}, max_slots=64, by=SYSTEM
        )
    session = acme.session()
    acme.pia.post(
        "tasks/batch", {"tasks": [{"session": session["id"], "type": "render", "input_payload": {}}] * (SPENDERS + 1)}
    ).ok(201)
    with clock.held(NOON + timedelta(hours=1)):
        settle()
        claims = Caller(key, id=str(agent.pk), name="mia").claim(64)
    assert len(claims) == SPENDERS + 1
    return [(Caller(key, id=str(agent.pk), name="mia"), claim) for claim in claims]


def budget_raised(acme: Stage) -> dict[str, Any]:
    """1.00, and 7.00 more until one o'clock."""
    with clock.held(NOON):
        budget = acme.budget(day_usd="1.00")
        granted(acme, budget, "7", minutes=60)
    return budget


def race(pairs: Sequence[tuple[Caller, dict[str, Any]]]) -> Counter[int]:
    answers = at_once([lambda pair=pair: pair[0].spend(pair[1], "0.40") for pair in pairs])
    return Counter(said.status for said in answers)


@pytest.mark.parametrize("late", [True, False])
def test_after_its_end_many_get_no_more_than_the_limit(
    acme: Stage, spenders: list[tuple[Caller, dict[str, Any]]], late: bool
) -> None:
    budget_raised(acme)
    with clock.held(NOON + timedelta(minutes=59)):
        first, claim = spenders[0]
        first.spend(claim, "0.10").ok(201)  # its window has the increase
    with clock.held(NOON + timedelta(hours=1)):
        if not late:
            at_once([end_increases] * 3)
        assert race(spenders[1:]) == {201: 2, 402: SPENDERS - 2}
        at_once([end_increases] * 3)
    check_books(acme)


def test_without_the_look_at_the_time_they_would(
    acme: Stage, spenders: list[tuple[Caller, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hold(found: Sequence[SpendWindow], amount: Decimal) -> bool:
        permitting = SpendWindow.objects.filter(
            Q(limit_usd__isnull=True) | Q(limit_usd__gte=F("held_usd") + F("captured_usd") + amount),
            pk__in=[window.pk for window in found],
        )
        return permitting.update(held_usd=F("held_usd") + amount) == len(found)

    def for_ever(budget: HasLimits, found: Sequence[SpendWindow], *more: Any) -> list[Limit]:
        for window in found:
            window.limit_until = None
        return usage(budget, found, *more)

    monkeypatch.setattr(windows, "hold", hold)
    monkeypatch.setattr(deciding, "usage", for_ever)
    budget_raised(acme)
    with clock.held(NOON + timedelta(minutes=59)):
        first, claim = spenders[0]
        first.spend(claim, "0.10").ok(201)
    with clock.held(NOON + timedelta(hours=1)):
        assert race(spenders[1:]) == {201: SPENDERS}


def test_a_spend_under_way_passes_before_a_revocation_and_the_next_meets_the_limit(
    acme: Stage, spenders: list[tuple[Caller, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.held(NOON + timedelta(hours=1)):
        budget = acme.budget(day_usd="1.00")
        increase = granted(acme, budget, "7")
        (one, first), (two, second) = spenders[:2]
        with held_after(monkeypatch, windows, "lock_open") as hold:
            spending = InBackground(lambda: one.spend(first, "5"))
            hold.wait_reached()
            revoking = InBackground(lambda: acme.fay.post(f"increases/{increase['id']}/revoke"))
            wait_for_waiters()
            hold.release()
            spending.answer().ok(201)
            revoking.answer().ok()
        assert two.spend(second, "0.01").refused(402, "budget_exceeded")["remaining_usd"] == "0.00"
    assert told(acme, budget) == ["created", "raised", "raise_ended"]


def test_two_who_take_it_back_at_once_are_one_and_a_conflict(acme: Stage) -> None:
    budget = acme.budget(day_usd="1.00")
    increase = granted(acme, budget)
    answers = at_once([lambda who=who: who.post(f"increases/{increase['id']}/revoke") for who in (acme.fay, acme.boss)])
    assert sorted(said.status for said in answers) == [200, 409]
    assert told(acme, budget) == ["created", "raised", "raise_ended"]
