"""What an agent's socket does off the loop: who it is, its leases, work to take, and what it leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from chimera.flows.claim_tasks import Claim, Claimed, claim_tasks, show_claims
from chimera.flows.lapse_leases import return_lease
from chimera.kernel import clock, redis, tenancy
from chimera.kernel.errors import Refused, forbidden, unauthenticated
from chimera.kernel.http.sockets import principal_of_scope
from chimera.kernel.identity import Principal
from chimera.kernel.sweep import one_by_one
from swarm import dispatch, liveness
from swarm.actions import agents, claims, stops, tasks
from swarm.groups.following import following
from swarm.models import AgentKey, AgentProfile, Task
from swarm.states import AgentStatus


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
    waits_for_house: bool = False  # at its last look the tenant handed out nothing: look there before taking from Redis


@dataclass(frozen=True)
class Taken:
    """`more`: perhaps something is left. Not `able`: it or its house is paused, or it holds all it may through others of its
    connections."""

    shown: list[dict[str, Any]]
    leases: dict[UUID, Lease]
    more: bool = False
    able: bool = True


@dataclass(frozen=True)
class Looked:
    """What a look after an agent finds: itself as it is now, and what to say about the tasks that it holds."""

    agent: AgentProfile
    commands: dict[UUID, list[str]]
    over: set[UUID]  # those of its leases that have ended


def come_in(scope: dict[str, Any]) -> Worker:
    """Authenticate the handshake: agents only, and none that was suspended. It is heard of."""
    principal = principal_of_scope(scope)
    if not principal.is_agent:
        raise forbidden("This socket is for agents; people use the API and the pages.", code="agents_only")
    if not principal.writes:
        raise forbidden("This key may only read; use one with the scope `write`.", code="scope")
    with tenancy.bound(principal.tenant_id):
        agent = agents.hear(principal.agent_id, by=principal.actor)
        held = claims.held_by(agent)
    check_at_large(agent)
    liveness.beat(agent.pk, tasks=held, slots=agent.max_slots)
    return Worker(principal, agent)


def check_at_large(agent: AgentProfile) -> None:
    if agent.status == AgentStatus.SUSPENDED:
        raise forbidden("This agent was suspended; an operator lets it in again.", code="agent_suspended")


def look_after(tenant_id: UUID, seated: Sequence[tuple[Worker, Mapping[UUID, UUID]]]) -> list[Looked | Exception]:
    """May they stay, and may what they hold go on? For any number of agents in three statements; they are heard of.

    Of each agent the leases by task. An agent whose key is no good any more, or who was suspended, is refused.
    """
    with tenancy.bound(tenant_id):
        found = AgentProfile.objects.in_bulk([worker.agent.pk for worker, _ in seated])
        held = tasks.read_all({task_id for _, leases in seated for task_id in leases})
        keys = AgentKey.objects.filter(pk__in=[worker.principal.credential_id for worker, _ in seated])
        good = keys.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now()), revoked_at__isnull=True)
        valid = {str(pk) for pk in good.values_list("pk", flat=True)}
    looked = [_looked(worker, leases, found.get(worker.agent.pk), held, valid) for worker, leases in seated]
    there = [one for one in looked if isinstance(one, Looked)]
    liveness.beat_all({one.agent.pk: (len(one.commands), one.agent.max_slots) for one in there})
    return looked


def _looked(
    worker: Worker, leases: Mapping[UUID, UUID], agent: AgentProfile | None, held: Mapping[UUID, Task], valid: set[str]
) -> Looked | Exception:
    try:
        if agent is None:
            raise unauthenticated("This agent is gone.")
        check_at_large(agent)
        if worker.principal.credential_id not in valid:
            raise unauthenticated("This key was rotated or revoked; use the newer one.")
    except Refused as refusal:
        return refusal
    goes_on = {
        task_id: held[task_id]
        for task_id, token in leases.items()
        if task_id in held and tasks.holds(held[task_id], token, agent_id=agent.pk)
    }
    commands = {task_id: liveness.commands(task) for task_id, task in goes_on.items()}
    return Looked(agent, commands, set(leases) - set(goes_on))


def take(worker: Worker, most: int, types: Sequence[str]) -> Taken:
    """At most `most` tasks for it; the database is asked only when Redis has ids, or cannot tell."""
    principal, agent = worker.principal, worker.agent
    if worker.waits_for_house and not _hands_out(worker):
        return Taken([], {}, able=False)
    popped = dispatch.pop(tenant_id=principal.tenant_id, role=agent.role, most=most, types=types)
    if popped == [] and not agent.capabilities:
        return Taken([], {})
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
        able = bool(got.claims) or (got.hands_out and _may_take(agent.pk))
    worker.waits_for_house = not got.hands_out
    mine = [claim.task for claim in got.claims]
    if mine:
        with following("nudge"):
            redis.nudge(soon=True)
    with following("settle"):
        dispatch.settle(principal.tenant_id, popped=popped or (), early=got.early, claimed=mine)
    return Taken(shown, known(got.claims), more=_more(got, popped or (), most), able=able)


def _hands_out(worker: Worker) -> bool:
    with tenancy.bound(worker.principal.tenant_id):
        worker.waits_for_house = not stops.hands_out()
    return not worker.waits_for_house


def _may_take(agent_id: UUID) -> bool:
    """Asked when it got nothing: was that because of itself?"""
    agent: AgentProfile = AgentProfile.objects.get_or_refuse(agent_id)
    return agent.takes_work and claims.free_slots(agent) > 0


def _more(got: Claimed, popped: Sequence[UUID], most: int) -> bool:
    """Its hands are full; or all that it asked of Redis came, though some of it was gone already or was kept back."""
    return len(got.claims) == most or (len(popped) == most and len(got.early) < len(popped))


def known(claimed: Sequence[Claim]) -> dict[UUID, Lease]:
    leases = {}
    for claim in claimed:
        assert claim.task.lease_token is not None
        assert claim.task.lease_expires_at is not None
        leases[claim.task.pk] = Lease(claim.task.lease_token, claim.task.lease_expires_at)
    return leases


def give_back(tenant_id: UUID, leases: Mapping[UUID, Lease]) -> int:
    """Those that nobody renewed since; answers how many were looked after. What fails here lapses a little later."""
    found = [(tenant_id, task_id, lease.token, lease.expires_at) for task_id, lease in leases.items()]
    done = one_by_one(found, return_lease)
    redis.nudge()
    return done
