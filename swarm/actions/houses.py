"""What decides about a task besides its own row: its session and campaign, its agent, and whether a stop acts."""

from collections.abc import Sequence
from typing import Any

from chimera.kernel import prepared
from swarm.models import AgentProfile, Campaign, SwarmSession, Task

_CAMPAIGN_AT = len(SwarmSession._meta.concrete_fields)
_SESSIONS = f"""
    SELECT {prepared.columns(SwarmSession, "s")}, {prepared.columns(Campaign, "c")},
           (SELECT kind FROM swarm_stop WHERE lifted_at IS NULL ORDER BY kind DESC LIMIT 1)
    FROM swarm_swarmsession s LEFT JOIN swarm_campaign c ON c.id = s.campaign_id WHERE s.id = ANY(%(sessions)s::uuid[])
"""
_AGENTS = f"SELECT {prepared.columns(AgentProfile, 'a')} FROM swarm_agentprofile a WHERE a.id = ANY(%(agents)s::uuid[])"


def read(tasks: Sequence[Task]) -> None:
    """Of several tasks in one round trip, as of now: whoever goes by it holds their locks."""
    if not tasks:
        return
    named = {"sessions": list({task.session_id for task in tasks})}
    holders = {"agents": list({task.agent_id for task in tasks if task.agent_id})}
    rows, found = prepared.ask_all([(_SESSIONS, named), (_AGENTS, holders)])
    sessions = {session.pk: (session, acting) for session, acting in map(_session, rows)}
    agents = {agent.pk: agent for agent in (prepared.instance(AgentProfile, row) for row in found)}
    for task in tasks:
        task.session, task.acting_stop = sessions[task.session_id]
        task.agent = agents[task.agent_id] if task.agent_id else None


def is_read(task: Task) -> bool:
    known = task._state.fields_cache
    return (
        "acting_stop" in task.__dict__ and {"session", "agent"} <= set(known) and "campaign" in _known(known["session"])
    )


def _known(session: Any) -> dict[str, Any]:
    cached: dict[str, Any] = session._state.fields_cache
    return cached


def _session(row: prepared.Row) -> tuple[SwarmSession, str | None]:
    *columns, acting = row
    session = prepared.instance(SwarmSession, tuple(columns[:_CAMPAIGN_AT]))
    of_campaign = tuple(columns[_CAMPAIGN_AT:])
    session.campaign = prepared.instance(Campaign, of_campaign) if session.campaign_id else None
    return session, acting
