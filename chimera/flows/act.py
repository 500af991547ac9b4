"""Act: what an agent says of its actions over its socket, each in a transaction of its own, answered as over HTTP.

Locks and deaths: those of `propose_action`, `execute_action`, `record_outcome`; before them the name of the key, if it has one.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from rest_framework.renderers import JSONRenderer

from chimera.flows.execute_action import check_held, execute_action
from chimera.flows.propose_action import propose_action
from chimera.flows.record_outcome import Came, record_outcome
from chimera.flows.show_actions import show_action, show_execution, show_mismatch
from chimera.flows.spend_many import Answered
from chimera.flows.weigh_action import look_ahead
from chimera.kernel import redis, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.http import problem
from chimera.kernel.idempotency import Once
from safety.actions.proposals import Proposal
from safety.states import ActionStatus


@dataclass(frozen=True, kw_only=True)
class Propose:
    task_id: UUID
    lease_token: UUID
    tool: str
    arguments: dict[str, Any]
    amount_usd: Decimal | None
    asset_symbol: str
    payee: str
    category: str
    purpose: str
    correlation_key: str = ""


@dataclass(frozen=True, kw_only=True)
class Execute:
    action_id: UUID
    lease_token: UUID
    digest: str | None
    arguments: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Tell:
    action_id: UUID
    execution_token: str
    status: str
    output: dict[str, Any] | None
    cost_usd: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    what: Propose | Execute | Tell
    agent_id: UUID
    by: Actor
    once: Once | None = None


def act(tenant_id: UUID, asked: Asked) -> Answered:
    """Opens its own transaction. Refusals are raised; a mismatch, which is written down, is answered with its 409."""
    if isinstance(asked.what, Propose):
        look_ahead(_proposal(asked.what))
    with tenancy.bound(tenant_id):
        if asked.once and (prior := asked.once.prior()):
            if isinstance(asked.what, Execute):
                check_held(action_id=asked.what.action_id, lease_token=asked.what.lease_token, agent_id=asked.agent_id)
            return Answered(*prior)
        answered = _do(asked.what, asked.agent_id, asked.by)
        if asked.once:
            asked.once.keep(answered.status, JSONRenderer().render(answered.body))
    redis.nudge()
    return answered


def _do(what: Propose | Execute | Tell, agent_id: UUID, by: Actor) -> Answered:
    match what:
        case Propose():
            lease = {"task_id": what.task_id, "lease_token": what.lease_token}
            return Answered(
                201, show_action(propose_action(**lease, agent_id=agent_id, proposal=_proposal(what), by=by))
            )
        case Execute():
            execution = execute_action(**vars(what), agent_id=agent_id, by=by)
            if execution.changed:
                return Answered(409, problem.body(show_mismatch(execution)))
            return Answered(200, show_execution(execution))
        case Tell():
            came = Came(status=ActionStatus(what.status), output=what.output, cost_usd=what.cost_usd)
            action = record_outcome(
                action_id=what.action_id, execution_token=what.execution_token, agent_id=agent_id, came=came, by=by
            )
            return Answered(200, show_action(action))
        case _:
            assert_never(what)


def _proposal(what: Propose) -> Proposal:
    said = dict(vars(what))
    del said["task_id"], said["lease_token"]
    return Proposal(**said)
