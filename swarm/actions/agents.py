"""Agents: register, keys, pause, resume, kill."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from chimera.kernel import advisory, clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import digest
from swarm.events import AgentKeyIssued, AgentKilled, AgentPaused, AgentRegistered, AgentResumed
from swarm.models import AgentKey, AgentProfile
from swarm.states import AGENT_STATES, AgentStatus

OVERLAP = timedelta(hours=24)  # how long the old keys live on after a rotation


def register(
    *, name: str, role: str, capabilities: list[str], tools_config: dict[str, Any], max_slots: int, by: Actor
) -> tuple[AgentProfile, str]:
    """A new agent and its first key, which is seen only here."""
    if AgentProfile.objects.filter(name=name).exists():
        raise conflict(f"There is an agent named {name!r} already; choose another name.", code="name_taken")
    agent = AgentProfile.objects.create(
        name=name, role=role, capabilities=sorted(set(capabilities)), tools_config=tools_config, max_slots=max_slots
    )
    tell(AgentRegistered.about(agent, role=role), by=by)
    return agent, issue_key(agent=agent, by=by)


def issue_key(*, agent: AgentProfile, by: Actor) -> str:
    """A new key for an agent; older keys end after the overlap."""
    ends = clock.now() + OVERLAP
    AgentKey.objects.filter(agent=agent, revoked_at__isnull=True, expires_at__isnull=True).update(expires_at=ends)
    secret = f"chm_{secrets.token_urlsafe(32)}"
    AgentKey.objects.create(agent=agent, prefix=secret[:12], digest=digest(secret))
    tell(AgentKeyIssued.about(agent, key_prefix=secret[:12]), by=by)
    return secret


def hold(agent_id: UUID) -> AgentProfile:
    """The agent as it is until we commit: nobody claims for it or changes it meanwhile. Its slots are counted under this.

    A lock by name: one of its row would give a claim its id before it has seen the tasks, and its facts would be told
    before what it had seen (docs/locking.md).
    """
    advisory.hold(f"agent|{agent_id}")
    found: AgentProfile = AgentProfile.objects.get_or_refuse(agent_id)
    return found


def lock(agent_id: UUID) -> AgentProfile:
    """The same for whoever changes it, with its row locked too."""
    hold(agent_id)
    found: AgentProfile = AgentProfile.objects.select_for_update(no_key=True).get_or_refuse(agent_id)
    return found


def pause(*, agent: AgentProfile, reason: str, by: Actor) -> None:
    """No new claims; what it holds it may finish, and its heartbeats are answered with the command `pause`."""
    AGENT_STATES.advance(agent, to=AgentStatus.INACTIVE)
    tell(AgentPaused.about(agent, reason=reason), by=by)


def resume(*, agent: AgentProfile, reason: str, by: Actor) -> None:
    AGENT_STATES.advance(agent, to=AgentStatus.ACTIVE)
    tell(AgentResumed.about(agent, reason=reason), by=by)


def kill(*, agent: AgentProfile, reason: str, by: Actor) -> None:
    """Suspend it and revoke its keys; the flow takes its leases away."""
    AGENT_STATES.advance(agent, to=AgentStatus.SUSPENDED)
    AgentKey.objects.filter(agent=agent, revoked_at__isnull=True).update(revoked_at=clock.now())
    tell(AgentKilled.about(agent, reason=reason), by=by)
