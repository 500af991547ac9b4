"""Stop a session or a campaign, kill an agent: mark first, then take the open work away, group by group.

A door marks inside its transaction, and sweeps once it has committed.

A claim does not lock its session, so one may slip in between; the sweep after the mark finds it (docs/locking.md).
Dies between mark and sweep: the event log's follow-up, and then the clock, sweep what is left.
"""

from functools import partial
from uuid import UUID

from chimera.flows.cancel_task import cancel_open_of
from chimera.flows.grouping import in_groups, together
from chimera.flows.revoke_many import revoke_many
from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.eventlog import Recorded
from chimera.kernel.sweep import every_one, one_by_one
from swarm.actions import agents, campaigns, sessions, tasks
from swarm.models import AgentProfile, Campaign, SwarmSession, Task
from swarm.states import REVOKED_CODE, CampaignStatus, SessionStatus, TaskStatus

KILLED = "its agent was killed"


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
    agent_id = UUID(event.payload["aggregate_id"])
    left, _ = _revoke(event.tenant_id, agent_id, KILLED, SYSTEM)
    every_one(left, partial(_revoke_one, agent_id=agent_id, reason=KILLED, by=SYSTEM))


def revoke_leases(*, tenant_id: UUID, agent_id: UUID, reason: str, by: Actor) -> int:
    """The same at once, for whoever killed it; what resists follows through the event log."""
    left, done = _revoke(tenant_id, agent_id, reason, by)
    return done + one_by_one(left, partial(_revoke_one, agent_id=agent_id, reason=reason, by=by))


def _revoke(tenant_id: UUID, agent_id: UUID, reason: str, by: Actor) -> tuple[list[tuple[UUID, UUID]], int]:
    """What somebody else is at is left, as (tenant, task); and how many were revoked. Nobody's fault: no attempt is used up."""
    step = partial(revoke_many, reason=reason, code=REVOKED_CODE, agent_id=agent_id, by=by)
    held, done = _held(tenant_id, agent_id), set()
    for group in in_groups(held):
        done |= together(tenant_id, group, step)
    return [(tenant_id, task_id) for task_id in held if task_id not in done], len(done)


def _revoke_one(task_id: UUID, *, agent_id: UUID, reason: str, by: Actor) -> None:
    """It waits for whoever is at it."""
    tasks.lock(task_id)
    revoke_many([task_id], reason=reason, code=REVOKED_CODE, agent_id=agent_id, by=by)


def _held(tenant_id: UUID, agent_id: UUID) -> list[UUID]:
    with tenancy.bound(tenant_id):
        rows = Task.objects.filter(agent_id=agent_id, status=TaskStatus.RUNNING).order_by("pk")
        return list(rows.values_list("pk", flat=True))
