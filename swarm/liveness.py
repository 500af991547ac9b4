"""Liveness lives in Redis: a key per agent that ends 30 seconds after its last beat, and one set of when each was heard.

The clock reads the set, and writes to PostgreSQL what is to outlive Redis (`chimera/flows/agents_silent.py`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings

from chimera.kernel import clock, redis
from swarm.models import Task
from swarm.states import SESSION_OPEN, CampaignStatus, SessionStatus, StopKind, TaskStatus

HEARD_KEPT = timedelta(minutes=10)  # far longer than it takes the clock to read it


def beat(agent_id: UUID, *, tasks: int, slots: int) -> None:
    """The agent was heard of, and holds `tasks` of at most `slots`. Lost while Redis is away: leases, not this key, decide."""
    beat_all({agent_id: (tasks, slots)})


def beat_all(beats: Mapping[UUID, tuple[int, int]]) -> None:
    """The same for many: tasks and slots by agent, in one round trip."""
    if not beats:
        return
    now = clock.now()
    at = now.isoformat()
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for agent_id, (tasks, slots) in beats.items():
                shown = json.dumps({"at": at, "tasks": tasks, "slots": slots})
                pipe.set(redis.heartbeat(agent_id), shown, ex=settings.HEARTBEAT_TTL_SECONDS)
            pipe.zadd(redis.AGENTS_HEARD, dict.fromkeys(map(str, beats), now.timestamp()))
            pipe.execute()
    except redis.Away:
        return


def heard_of(agent_ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """When each agent last beat, as ISO time; None for the silent ones, and for all while Redis is away."""
    if not agent_ids:
        return {}
    try:
        with redis.hint() as client:
            found = client.mget([redis.heartbeat(a) for a in agent_ids])
    except redis.Away:
        return dict.fromkeys(agent_ids)
    return {a: json.loads(raw)["at"] if raw else None for a, raw in zip(agent_ids, found, strict=True)}  # type: ignore[arg-type]


def heard_since(at: datetime) -> dict[UUID, datetime]:
    """Agents of any tenant that were heard of since then, and when. Raises redis.Away."""
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        pipe.zremrangebyscore(redis.AGENTS_HEARD, "-inf", (clock.now() - HEARD_KEPT).timestamp())
        pipe.zrangebyscore(redis.AGENTS_HEARD, at.timestamp(), "+inf", withscores=True)
        found: list[tuple[str, float]] = pipe.execute()[1]
    return {UUID(agent_id): datetime.fromtimestamp(score, UTC) for agent_id, score in found}


def commands(task: Task) -> list[str]:
    """What the agent is to do about a task it holds, whose lease was checked: `stop` when its work is over, `pause` while its
    house is paused."""
    session = task.session
    is_over = task.status != TaskStatus.RUNNING or session.status not in SESSION_OPEN
    if is_over or task.acting_stop == StopKind.STOP:
        return ["stop"]
    campaign_paused = session.campaign is not None and session.campaign.status == CampaignStatus.PAUSED
    agent_paused = task.agent is not None and task.agent.is_paused
    tenant_paused = task.acting_stop == StopKind.PAUSE
    paused = session.status == SessionStatus.PAUSED or campaign_paused or agent_paused or tenant_paused
    return ["pause"] if paused else []
