"""What leases have cost, said with a beat over the socket: the same as over HTTP, each lease for itself."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from chimera.flows.authorise_spend import SPENDERS
from chimera.flows.meter_lease import Beaten
from chimera.flows.meter_many import Cost
from chimera.kernel.errors import StaleLease
from chimera.kernel.http.permissions import check
from chimera.kernel.http.problem import as_refusal
from swarm.consumers import frames
from swarm.consumers.seat import Seat
from swarm.groups import groups

Fields = dict[str, Any]


async def ended(seat: Seat, leases: Sequence[frames.Lease]) -> dict[int, Fields]:
    """The answers, by place, to those leases that do not go on: their money is used up, or their cost was refused.

    Raises the first fault that is no refusal; what was counted by then bears being said again.
    """
    costs = {place: lease for place, lease in enumerate(leases) if lease.cost_usd or lease.ahead_usd}
    said = await asyncio.gather(*(_metered(seat, lease) for lease in costs.values()), return_exceptions=True)
    answers = {}
    for (place, lease), what in zip(costs.items(), said, strict=True):
        if isinstance(what, BaseException):
            answers[place] = _refused(seat, lease, what)
        elif what.reason is not None:
            seat.let_go(lease.task, lease.lease_token)
            answers[place] = {"task": str(lease.task)} | what.shape()
    return answers


async def _metered(seat: Seat, lease: frames.Lease) -> Beaten:
    principal = seat.worker.principal
    check(principal, SPENDERS)
    cost = Cost(
        task_id=lease.task,
        lease_token=lease.lease_token,
        agent_id=seat.worker.agent.pk,
        cost_usd=lease.cost_usd or Decimal(0),
        ahead_usd=lease.ahead_usd,
        by=principal.actor,
    )
    return await groups().meters.add(principal.tenant_id, cost)


def _refused(seat: Seat, lease: frames.Lease, fault: BaseException) -> Fields:
    """A lease that is over is let go; any other is still the agent's."""
    refusal = as_refusal(fault)
    if refusal is None:
        raise fault
    if isinstance(refusal, StaleLease):
        seat.let_go(lease.task, lease.lease_token)
    return {"task": str(lease.task), "error": {"code": refusal.code, "detail": refusal.detail}}
