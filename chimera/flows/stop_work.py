"""Stop a session or a campaign, kill an agent: mark first, then take the open work away, one transaction per task.

A door marks inside its transaction, and sweeps once it has committed.

A claim does not lock its session, so one may slip in between; the sweep after the mark finds it (docs/locking.md).
Dies between mark and sweep: the event log's follow-up, and then the clock, sweep what is left.
"""

from functools import partial
from uuid import UUID

from chimera.flows.cancel_task import cancel_open_of
from chimera.flows.lapse_leases import end_lease
from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.eventlog import Recorded
from chimera.kernel.sweep import every_one, one_by_one
from swarm.actions import agents, campaigns, sessions
from swarm.models import AgentProfile, Campaign, SwarmSession, Task
from swarm.states import CampaignStatus, SessionStatus, TaskStatus


def stop_session(*, session_id: UUID, reason: str, by: Actor) -> SwarmSession:
    session = sessions.lock(session_id)
    sessions.end(session=session, status=SessionStatus.STOPPED, reason=reason, by=by)
    return session


def stop_campaign(*, campaign_id: UUID, reason: str, by: Actor) -> Campaign:
    """Stops its open sessions too. Locks the campaign, then its sessions by id, and only then writes."""
    campaign = campaigns.lock(campaign_id)
    open_sessions = sessions.lock_open_of(campaign)
    campaigns.end(campaign=campaign, status=CampaignStatus.STOPPED, reason=reason, by=by)
    for session in open_sessions:
        sessions.end(session=session, status=SessionStatus.STOPPED, reason=f"campaign stopped: {reason}", by=by)
    return campaign


def kill_agent(*, agent_id: UUID, reason: str, by: Actor) -> AgentProfile:
    agent = agents.lock(agent_id)
    agents.kill(agent=agent, reason=reason, by=by)
    return agent


def sweep_campaign(*, tenant_id: UUID, campaign_id: UUID, by: Actor) -> int:
    """Right after it was stopped: cancel what is open in its sessions. What is more than one sweep follows through the
    event log, session by session."""
    return cancel_open_of(tenant_id=tenant_id, campaign_id=campaign_id, by=by)


def sweep_session(event: Recorded) -> None:
    """Reaction to SessionEnded: cancel what is open. What resists is left to the clock."""
    assert event.session_id is not None
    while cancel_open_of(tenant_id=event.tenant_id, session_id=event.session_id):
        pass


def sweep_agent(event: Recorded) -> None:
    """Reaction to AgentKilled: revoke its leases."""
    held = _held(event.tenant_id, UUID(event.payload["aggregate_id"]))
    every_one(held, partial(end_lease, revoked="its agent was killed"))


def revoke_leases(*, tenant_id: UUID, agent_id: UUID, reason: str, by: Actor) -> int:
    """The same at once, for whoever killed it; what resists follows through the event log."""
    return one_by_one(_held(tenant_id, agent_id), partial(end_lease, revoked=reason, by=by))


def _held(tenant_id: UUID, agent_id: UUID) -> list[tuple[UUID, UUID]]:
    with tenancy.bound(tenant_id):
        rows = Task.objects.filter(agent_id=agent_id, status=TaskStatus.RUNNING).order_by("pk")
        return [(tenant_id, task_id) for task_id in rows.values_list("pk", flat=True)]
