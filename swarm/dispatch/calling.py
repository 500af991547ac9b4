"""A word to agents: something about them or about what they hold has changed, and they need not wait for a beat to notice.

It says no more than that. Whoever is called looks in PostgreSQL; so a word too many costs a look, and one that is lost
seconds.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from chimera.kernel import redis
from chimera.kernel.eventlog import Recorded
from chimera.kernel.relay import direct
from swarm.dispatch import lists

EVERYBODY = "everybody"  # no role, and no agent's id


def call_agent(events: Sequence[Recorded], pipe: Any) -> None:
    """The agent itself: whether it may claim has changed."""
    for event in events:
        lists.announce(event.tenant_id, event.payload["aggregate_id"], pipe)


def everybody_of(tenant_id: UUID) -> str:
    """The topic of what concerns every agent of a tenant."""
    return f"{tenant_id}:{EVERYBODY}"


def slots_of(tenant_id: UUID, agent: object) -> str:
    """The topic of an agent's freed slots. Not its own, at which sockets look: those know of their slots themselves."""
    return f"{tenant_id}:{_slots(agent)}"


def _slots(agent: object) -> str:
    return f"{agent}.slots"


def call_freed(tenant_id: UUID, agents: Iterable[UUID]) -> None:
    """They handed something in: their calls that wait because all slots were taken may look. Lost while Redis is away."""
    names = ",".join(_slots(agent) for agent in dict.fromkeys(agents))
    if not names:
        return
    try:
        with redis.hint() as client:
            client.publish(redis.DISPATCH_CHANNEL, f"{tenant_id}:{names}")
    except redis.Away:
        return


def call_holder(events: Sequence[Recorded], pipe: Any) -> None:
    """The agents that may still be at these tasks."""
    for tenant_id, agent in dict.fromkeys((event.tenant_id, event.payload.get("agent")) for event in events):
        if agent:
            lists.announce(tenant_id, agent, pipe)


def call_tenant(events: Sequence[Recorded], pipe: Any) -> None:
    """All agents of these tenants: they were paused, stopped or resumed."""
    for tenant_id in dict.fromkeys(event.tenant_id for event in events):
        lists.announce(tenant_id, EVERYBODY, pipe)


def call_tenants_now(tenant_ids: Iterable[UUID]) -> None:
    """The same without waiting for the relay; lost while Redis is away."""
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for tenant_id in tenant_ids:
                lists.announce(tenant_id, EVERYBODY, pipe)
            pipe.execute()
    except redis.Away:
        return


def call_house(events: Sequence[Recorded], pipe: Any) -> None:
    """All who are at tasks of these sessions, or of these campaigns: they were paused, resumed or ended."""
    houses = list({UUID(event.payload["aggregate_id"]) for event in events})
    for tenant_id, agent_id in direct.ask(_AT_WORK_IN, {"houses": houses}):
        lists.announce(tenant_id, agent_id, pipe)


_AT_WORK_IN = """
    SELECT DISTINCT t.tenant_id, t.agent_id FROM swarm_task t JOIN swarm_swarmsession s ON s.id = t.session_id
    WHERE t.status = 'running' AND (s.id = ANY(%(houses)s::uuid[]) OR s.campaign_id = ANY(%(houses)s::uuid[]))
"""
