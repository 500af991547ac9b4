"""Ten agents meter against one budget at once: the windows never count a cent over, and each overshoots by one report at most."""

import threading
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F

from chimera.flows.meter_lease import Beaten, meter_lease
from chimera.flows.meter_many import Cost, meter_many
from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.errors import StaleLease
from commerce.actions import windows
from commerce.models import BudgetConfig, SpendWindow, Transaction
from commerce.periods import Period
from swarm.actions import agents
from tests.cast import Caller, Stage
from tests.commerce.books import at_work, check_books
from tests.lanes import settle
from tests.races.test_spend import watched, without_the_databases_rule
from tests.races.threads import at_once

AGENTS = 10
STEP = Decimal("0.07")
LIMIT = Decimal("5.00")


@pytest.fixture
def claims(acme: Stage) -> list[dict[str, Any]]:
    """Ten agents, a task each."""
    session = acme.session()
    new = {"session": session["id"], "type": "x", "input_payload": {}}
    acme.pia.post("tasks/batch", {"tasks": [new] * AGENTS}).ok(201)
    settle()
    with acme.bound():
        keys = [
            agents.register(name=f"mia-{n}", role="worker", capabilities=[], tools_config={}, max_slots=1, by=SYSTEM)[1]
            for n in range(AGENTS)
        ]
    return [claim for n, key in enumerate(keys) for claim in Caller(key, name=f"mia-{n}").claim()]


def _cost(claim: dict[str, Any], cost: Decimal) -> Cost:
    return Cost(
        task_id=UUID(claim["task"]["id"]),
        lease_token=UUID(claim["lease_token"]),
        agent_id=UUID(str(claim["task"]["agent"])),
        cost_usd=cost,
        by=SYSTEM,
    )


def _until_stopped(tenant_id: UUID, claim: dict[str, Any], step: Decimal) -> Decimal:
    """Reports step after step; answers what it has reported when it was stopped."""
    cost = Decimal(0)
    while True:
        cost += step
        one = _cost(claim, cost)
        with tenancy.bound(tenant_id):
            said = meter_lease(
                task_id=one.task_id,
                lease_token=one.lease_token,
                agent_id=one.agent_id,
                cost_usd=one.cost_usd,
                by=one.by,
            )
        if said.commands == ["stop"]:
            return cost


def _together_until_stopped(tenant_id: UUID, claims: Sequence[dict[str, Any]], step: Decimal) -> list[Decimal]:
    """The same for several, whose reports go in groups."""
    costs = dict.fromkeys(range(len(claims)), Decimal(0))
    running = set(costs)
    while running:
        asked = sorted(running)
        for n in asked:
            costs[n] += step
        for n, said in zip(asked, meter_many(tenant_id, [_cost(claims[n], costs[n]) for n in asked]), strict=True):
            assert isinstance(said, Beaten), said
            if said.commands == ["stop"]:
                running.discard(n)
    return list(costs.values())


def _judge(acme: Stage, told: list[Any]) -> None:
    assert all(isinstance(cost, Decimal) for cost in told), told
    with acme.bound():
        rows = list(Transaction.objects.filter(metered_usd__isnull=False))
        (day,) = SpendWindow.objects.filter(kind="day")
    assert day.held_usd == 0
    assert day.captured_usd == LIMIT  # what there was has been used
    assert sum(row.metered_usd or 0 for row in rows) == sum(told)
    for row in rows:
        assert (row.metered_usd or 0) - (row.captured_usd or 0) <= STEP
    assert LIMIT <= sum(told) <= LIMIT + AGENTS * STEP
    check_books(acme)


def test_ten_agents_on_one_budget_overshoot_by_one_report_each_and_the_windows_by_nothing(
    acme: Stage, claims: list[dict[str, Any]]
) -> None:
    acme.budget(day_usd=str(LIMIT))
    with watched(acme.tenant_id) as over:
        told = at_once([partial(_until_stopped, acme.tenant_id, claim, STEP) for claim in claims])
    assert over == []
    _judge(acme, told)


def test_groups_of_reports_race_alike(acme: Stage, claims: list[dict[str, Any]]) -> None:
    acme.budget(day_usd=str(LIMIT))
    groups = [claims[:5], claims[5:]]
    with watched(acme.tenant_id) as over:
        told = at_once([partial(_together_until_stopped, acme.tenant_id, group, STEP) for group in groups])
    assert over == []
    _judge(acme, [cost for costs in told for cost in costs])


def test_of_a_cost_and_a_result_at_the_same_moment_the_cost_counts_or_is_stale(acme: Stage) -> None:
    acme.budget(day_usd="100")
    for _ in range(8):
        claim = at_work(acme)
        meter_many(acme.tenant_id, [_cost(claim, Decimal("0.10"))])
        finish = partial(Caller(acme.ada.secret).finish, claim)
        ((said,), finished) = at_once([partial(meter_many, acme.tenant_id, [_cost(claim, Decimal("0.25"))]), finish])
        assert finished["outcome"] == "completed"
        with acme.bound():
            row = Transaction.objects.get(task_id=claim["task"]["id"])
        counted = Decimal("0.10") if isinstance(said, StaleLease) else Decimal("0.25")
        assert isinstance(said, StaleLease | Beaten), said
        assert (row.status, row.metered_usd, row.captured_usd) == ("captured", counted, counted)
    check_books(acme)


def test_control_check_then_add_overshoots_by_more_and_the_watch_sees_it(
    acme: Stage, claims: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is off: what was read without a lock is reserved without a condition."""
    step = Decimal("0.40")
    acme.budget(day_usd="1.00")
    assert meter_many(acme.tenant_id, [_cost(claims[0], Decimal("0.01"))])  # the windows exist
    racers = claims[1:]
    checked, mine = threading.Barrier(len(racers)), threading.local()

    def lock_open(budgets: Sequence[BudgetConfig], periods: Sequence[Period]) -> list[SpendWindow]:
        return list(SpendWindow.objects.of([b.pk for b in budgets], periods).order_by("pk"))

    def hold(found: Sequence[SpendWindow], amount: Decimal) -> bool:
        if not hasattr(mine, "began"):  # all have looked before anybody adds
            mine.began = True
            checked.wait(30)
        SpendWindow.objects.filter(pk__in=[w.pk for w in found]).order_by("pk").update(held_usd=F("held_usd") + amount)
        return True

    monkeypatch.setattr(windows, "lock_ahead", lambda *args: None)
    monkeypatch.setattr(windows, "lock_open", lock_open)
    monkeypatch.setattr(windows, "hold", hold)
    with without_the_databases_rule(), watched(acme.tenant_id) as over:
        told = at_once([partial(_until_stopped, acme.tenant_id, claim, step) for claim in racers])
        assert all(isinstance(cost, Decimal) for cost in told), told
        assert sum(told) > 1 + len(racers) * step
        assert over
