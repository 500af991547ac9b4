"""What an agent's socket does off the loop: who it is, its leases, work to take, and what it leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chimera.flows.claim_tasks import Claim, claim_tasks, show_claims
from chimera.flows.lapse_leases import return_lease
from chimera.kernel import redis, tenancy
from chimera.kernel.errors import forbidden
from chimera.kernel.http.sockets import principal_of_scope
from chimera.kernel.identity import Principal
from chimera.kernel.sweep import one_by_one
from swarm import dispatch
from swarm.actions import agents, claims
from swarm.models import AgentProfile, Task
from swarm.states import AgentStatus, TaskStatus


@dataclass
class Lease:
    """As the socket last knew it."""

    token: UUID
    expires_at: datetime


@dataclass
class Worker:
    """An agent that has come in."""

    principal: Principal
    agent: AgentProfile


def come_in(scope: dict[str, Any]) -> Worker:
    """Authenticate the handshake: agents only, and none that was suspended."""
    principal = principal_of_scope(scope)
    if not principal.is_agent:
        raise forbidden("This socket is for agents; people use the API and the pages.", code="agents_only")
    with tenancy.bound(principal.tenant_id):
        agent: AgentProfile = AgentProfile.objects.get_or_refuse(principal.agent_id)
    check_at_large(agent)
    return Worker(principal, agent)


def check_at_large(agent: AgentProfile) -> None:
    if agent.status == AgentStatus.SUSPENDED:
        raise forbidden("This agent was suspended; an operator lets it in again.", code="agent_suspended")


def leases_of(worker: Worker) -> tuple[list[dict[str, Any]], dict[UUID, Lease]]:
    """What the agent holds already, renewed: from now on it lives here, and its old connection returns nothing."""
    with tenancy.bound(worker.principal.tenant_id):
        agents.hold(worker.agent.pk)
        held = list(Task.objects.filter(agent=worker.agent, status=TaskStatus.RUNNING).order_by("pk"))
        kept = claims.renew_all(held, always=True)
        mine = [Claim(task, None) for task in held if task.pk in kept]
        return show_claims(mine), known(mine)


def take(worker: Worker, most: int, types: Sequence[str]) -> tuple[list[dict[str, Any]], dict[UUID, Lease]]:
    """At most `most` tasks for it; the database is asked only when Redis has ids, or cannot tell."""
    principal, agent = worker.principal, worker.agent
    popped = [] if types else dispatch.pop(tenant_id=principal.tenant_id, role=agent.role, most=most)
    if popped == [] and not types and not agent.capabilities:
        return [], {}
    with tenancy.bound(principal.tenant_id):
        got = claim_tasks(
            agent_id=agent.pk,
            most=most,
            popped=popped or [],
            redis_away=popped is None,
            types=types,
            by=principal.actor,
        )
        shown = show_claims(got.claims)
    redis.nudge()
    mine = [claim.task for claim in got.claims]
    dispatch.settle(principal.tenant_id, popped=popped or (), early=got.early, claimed=mine)
    return shown, known(got.claims)


def known(claimed: Sequence[Claim]) -> dict[UUID, Lease]:
    leases = {}
    for claim in claimed:
        assert claim.task.lease_token is not None
        assert claim.task.lease_expires_at is not None
        leases[claim.task.pk] = Lease(claim.task.lease_token, claim.task.lease_expires_at)
    return leases


def give_back(tenant_id: UUID, leases: dict[UUID, Lease]) -> int:
    """Those that nobody renewed since; answers how many were looked after. What fails here lapses a little later."""
    found = [(tenant_id, task_id, lease.token, lease.expires_at) for task_id, lease in leases.items()]
    done = one_by_one(found, return_lease)
    redis.nudge()
    return done
