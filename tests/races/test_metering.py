"""Ten agents meter against one budget at once: the windows never count a cent over, and each overshoots by one report at most."""

from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from chimera.flows.meter_lease import Beaten, meter_lease
from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM, Actor
from commerce.models import SpendWindow, Transaction
from swarm.actions import agents
from tests.cast import Caller, Stage
from tests.commerce.books import check_books
from tests.lanes import settle
from tests.races.threads import at_once

AGENTS = 10
STEP = Decimal("0.07")


def _at_work(acme: Stage) -> list[dict[str, Any]]:
    with acme.bound():
        _, key = agents.register(
            name="mia", role="worker", capabilities=[], tools_config={}, max_slots=AGENTS, by=SYSTEM
        )
    session = acme.session()
    acme.pia.post("tasks/batch", {"tasks": [{"session": session["id"], "type": "x", "input_payload": {}}] * AGENTS}).ok(
        201
    )
    settle()
    claims = Caller(key, name="mia").claim(AGENTS)
    assert len(claims) == AGENTS
    return claims


def _until_stopped(tenant_id: UUID, claim: dict[str, Any], agent: UUID, actor: Actor) -> Decimal:
    """Reports step after step; answers what it has reported when it was stopped."""
    cost = Decimal(0)
    while True:
        cost += STEP
        with tenancy.bound(tenant_id):
            said: Beaten = meter_lease(
                task_id=UUID(claim["task"]["id"]),
                lease_token=UUID(claim["lease_token"]),
                agent_id=agent,
                cost_usd=cost,
                by=actor,
            )
        if said.commands == ["stop"]:
            return cost


def test_ten_agents_on_one_budget_overshoot_by_one_report_each_and_the_windows_by_nothing(acme: Stage) -> None:
    acme.budget(day_usd="5.00")
    claims = _at_work(acme)
    with acme.bound():
        agent = UUID(str(claims[0]["task"]["agent"]))
    told = at_once([partial(_until_stopped, acme.tenant_id, claim, agent, SYSTEM) for claim in claims])
    assert all(isinstance(cost, Decimal) for cost in told), told
    with acme.bound():
        rows = list(Transaction.objects.filter(metered_usd__isnull=False))
        (day,) = SpendWindow.objects.filter(kind="day")
    assert day.held_usd + day.captured_usd <= Decimal("5.00")
    assert sum(row.metered_usd or 0 for row in rows) == sum(told)
    for row in rows:
        assert (row.metered_usd or 0) - (row.captured_usd or 0) <= STEP
    assert sum(told) > Decimal("4.50")  # and what there was has been used
    check_books(acme)
