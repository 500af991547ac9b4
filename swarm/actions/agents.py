"""Agents: register, keys, pause, resume, kill."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from chimera.kernel import advisory, clock
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import Stale, conflict
from chimera.kernel.eventlog import tell, tell_all
from chimera.kernel.identity import digest
from swarm.events import (
    AgentHeard,
    AgentKeyIssued,
    AgentKilled,
    AgentPaused,
    AgentRegistered,
    AgentResumed,
    AgentSilent,
)
from swarm.models import AgentKey, AgentProfile
from swarm.states import AGENT_STATES, AgentStatus, Inactivity

OVERLAP = timedelta(hours=24)  # how long the old keys live on after a rotation


def register(
    *, name: str, role: str, capabilities: list[str], tools_config: dict[str, Any], max_slots: int, by: Actor
) -> tuple[AgentProfile, str]:
    """A new agent and its first key, which is seen only here."""
    if AgentProfile.objects.filter(name=name).exists():
        raise conflict(f"There is an agent named {name!r} already; choose another name.", code="name_taken")
    agent = AgentProfile.objects.create(
        name=name,
        role=role,
        capabilities=sorted(set(capabilities)),
        tools_config=tools_config,
        max_slots=max_slots,
        registered_by=str(by),
    )
    tell(AgentRegistered.about(agent, role=role), by=by)
    return agent, issue_key(agent=agent, by=by)


def issue_key(*, agent: AgentProfile, by: Actor) -> str:
    """A new key for an agent; older keys end after the overlap."""
    ends = clock.now() + OVERLAP
    AgentKey.objects.filter(agent=agent, revoked_at__isnull=True, expires_at__isnull=True).update(expires_at=ends)
    secret = f"chm_{secrets.token_urlsafe(32)}"
    AgentKey.objects.create(agent=agent, prefix=secret[:12], digest=digest(secret), issued_by=str(by))
    tell(AgentKeyIssued.about(agent, key_prefix=secret[:12]), by=by)
    return secret


def hold(agent_id: UUID) -> AgentProfile:
    """The agent as it is until we commit: nobody claims for it or changes it meanwhile. Its slots are counted under this.

    A lock by name: one of its row would give a claim its id before it has seen the tasks, and its facts would be told
    before what it had seen (docs/locking.md).
    """
    advisory.hold(turn_of(agent_id))
    found: AgentProfile = AgentProfile.objects.get_or_refuse(agent_id)
    return found


def turn_of(agent_id: UUID) -> str:
    """The name under which `hold` locks."""
    return f"agent|{agent_id}"


def lock(agent_id: UUID) -> AgentProfile:
    """The same for whoever changes it, with its row locked too."""
    hold(agent_id)
    found: AgentProfile = AgentProfile.objects.select_for_update(no_key=True).get_or_refuse(agent_id)
    return found


def pause(*, agent: AgentProfile, reason: str, by: Actor) -> None:
    """No new claims; what it holds it may finish, and its heartbeats are answered with the command `pause`.

    A silent one is paused too, and then stays inactive though it is heard of.
    """
    if agent.is_paused:
        raise Stale("This agent is paused already.", code="agent_inactive", status_now=agent.status)
    AGENT_STATES.advance(agent, to=AgentStatus.INACTIVE, inactive_because=Inactivity.PAUSED)
    tell(AgentPaused.about(agent, reason=reason), by=by)


def resume(*, agent: AgentProfile, reason: str, by: Actor) -> None:
    """A paused or suspended agent may claim again. A silent one needs no person: 409 `agent_silent`."""
    if agent.is_silent:
        raise conflict("It is not paused, but silent: it is active as soon as it is heard of.", code="agent_silent")
    AGENT_STATES.advance(agent, to=AgentStatus.ACTIVE, inactive_because="")
    tell(AgentResumed.about(agent, reason=reason), by=by)


def kill(*, agent: AgentProfile, reason: str, by: Actor) -> None:
    """Suspend it and revoke its keys; the flow takes its leases away."""
    AGENT_STATES.advance(agent, to=AgentStatus.SUSPENDED, inactive_because="")
    AgentKey.objects.filter(agent=agent, revoked_at__isnull=True).update(revoked_at=clock.now())
    tell(AgentKilled.about(agent, reason=reason), by=by)


# ------------------------------------------------------------------ silent, and heard of again

_SEE = """
    WITH due AS MATERIALIZED (
        SELECT a.id, heard.at FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[]) AS heard(id, at)
        JOIN swarm_agentprofile a ON a.id = heard.id
        WHERE a.last_seen_at IS NULL OR a.last_seen_at <= heard.at - make_interval(secs => %(seconds)s)
           OR (a.inactive_because = 'silent' AND a.last_seen_at < heard.at)
        ORDER BY a.id FOR NO KEY UPDATE OF a SKIP LOCKED
    )
    UPDATE swarm_agentprofile a SET last_seen_at = due.at FROM due WHERE a.id = due.id
    RETURNING a.tenant_id, a.id, a.inactive_because = 'silent'
"""


def see_all(heard: Mapping[UUID, datetime]) -> list[tuple[UUID, UUID]]:
    """Write when agents of any tenants were last heard of, each at most every AGENT_SEEN_SECONDS; as chimera_system.

    Answers (tenant, agent) of those that were silent until then. One statement, however many there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SEE, {"ids": list(heard), "ats": list(heard.values()), "seconds": settings.AGENT_SEEN_SECONDS})
        return [(tenant_id, agent_id) for tenant_id, agent_id, was_silent in cursor.fetchall() if was_silent]


def unheard(since: datetime, *, most: int) -> list[tuple[UUID, UUID]]:
    """(tenant, agent) of active agents that were heard of before, and not since; as chimera_system."""
    rows = AgentProfile.objects.filter(status=AgentStatus.ACTIVE, last_seen_at__lte=since).order_by("tenant_id", "pk")
    return list(rows.values_list("tenant_id", "pk")[:most])


def fall_silent(agent_ids: Sequence[UUID], *, since: datetime) -> None:
    """Those of them that are still active and unheard. It takes nothing from them: what they hold ends with its leases."""
    rows = _free(agent_ids, AgentStatus.ACTIVE).filter(last_seen_at__lte=since)
    found: list[AgentProfile] = list(rows)
    AGENT_STATES.advance_each(found, to=AgentStatus.INACTIVE, inactive_because=Inactivity.SILENT)
    tell_all([(AgentSilent.about(agent, last_seen_at=agent.last_seen_at), SYSTEM) for agent in found])


def hear_all(agent_ids: Sequence[UUID]) -> None:
    """Those of them that are silent are active again."""
    found: list[AgentProfile] = list(_free(agent_ids, AgentStatus.INACTIVE).filter(inactive_because=Inactivity.SILENT))
    AGENT_STATES.advance_each(found, to=AgentStatus.ACTIVE, inactive_because="")
    tell_all([(AgentHeard.about(agent), SYSTEM) for agent in found])


def hear(agent_id: UUID, *, by: Actor) -> AgentProfile:
    """The agent, which says something itself: if it was silent it is active again, without waiting for the clock.

    Not in the transaction of a claim, whose facts would then be told before what it has seen (`hold`).
    """
    agent: AgentProfile = AgentProfile.objects.get_or_refuse(agent_id)
    if not agent.is_silent:
        return agent
    agent = lock(agent_id)
    if agent.is_silent:
        AGENT_STATES.advance(agent, to=AgentStatus.ACTIVE, inactive_because="", last_seen_at=clock.now())
        tell(AgentHeard.about(agent), by=by)
    return agent


def _free(agent_ids: Sequence[UUID], status: AgentStatus) -> Any:
    """Locked, without waiting for whoever changes one of them just now: the next look finds it again."""
    rows = AgentProfile.objects.filter(pk__in=list(agent_ids), status=status).order_by("pk")
    return rows.select_for_update(no_key=True, skip_locked=True)
