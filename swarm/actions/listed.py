"""Claims of tasks that stand in the lists, as nearly all do: one statement leases them and tells it.

What it leaves alone is for `swarm.actions.claims`: tasks that demand capabilities, have a concurrency key or resume after a
decision; and all, for an agent with capabilities, and while the tenant or the role has a limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.kernel import advisory, clock, ids, partitions, prepared
from chimera.kernel.actors import Actor
from chimera.kernel.errors import not_found
from chimera.kernel.eventlog import TOLD
from chimera.kernel.http.trace import current_trace
from swarm.actions.agents import turn_of
from swarm.events import TaskClaimed
from swarm.events.in_sql import payload
from swarm.models import AgentProfile, Task
from swarm.queries import CLAIMABLE_CAMPAIGNS, CLAIMABLE_SESSIONS, HANDS_OUT


@dataclass(frozen=True)
class Taken:
    """The agent as it is until we commit, how many leases it held before, and what it holds since, the best first.

    `awaited` are those of the tasks that had waited for others.
    """

    agent: AgentProfile
    held: int
    tasks: list[Task]
    awaited: set[UUID]
    hands_out: bool = True  # no stop or pause of the tenant acts


def take(*, agent_id: UUID, most: int, popped: Sequence[UUID], types: Sequence[str], by: Actor) -> Taken:
    """QUEUED → RUNNING with a new lease token each, for the plain ones of `popped`, within the agent's free slots.

    Locks what `agents.hold` locks. A paused or suspended agent gets nothing; 404 for one that is not there.
    """
    prepared.ask(*advisory.holding(turn_of(agent_id)))
    each = list(dict.fromkeys(popped))  # a list may name a task twice
    at = clock.now()  # after whatever it waited
    agent = {"agent": agent_id, "upper": partitions.beyond()}
    asked = {"most": most, "ids": each, "first": min(each), "last": max(each), "types": list(types)}
    facts = {"facts": [ids.uuid7() for _ in each], "trace": current_trace(), "actor": str(by)}
    when = {"now": at, "lease": settings.LEASE}
    seen, taken = prepared.ask_all([(_SEE, agent), (_TAKE, agent | asked | facts | when | _RULE)])
    if not seen:
        raise not_found("agent")
    *profile, held, hands_out = seen[0]
    return Taken(
        agent=prepared.instance(AgentProfile, tuple(profile)),
        held=held,
        tasks=[prepared.instance(Task, row[:-1]) for row in taken],
        awaited={row[0] for row in taken if row[-1]},
        hands_out=hands_out,
    )


_RULE: dict[str, Any] = {
    "sessions": [str(status) for status in CLAIMABLE_SESSIONS],
    "campaigns": [str(status) for status in CLAIMABLE_CAMPAIGNS],
    "type": TaskClaimed.full_type(),
}
_HELD = """
    SELECT count(*) FROM swarm_task r
    WHERE r.agent_id = a.id AND r.status = 'running' AND r.id < %(upper)s::uuid
"""
_SEE = f"""
    SELECT {prepared.columns(AgentProfile, "a")}, ({_HELD}), {HANDS_OUT} FROM swarm_agentprofile a WHERE a.id = %(agent)s::uuid
"""
_TAKES_WORK = "(a.status = 'active' OR a.inactive_because = 'silent')"
_PLAIN = """
    t.status = 'queued' AND t.role = me.role AND t.requires = '{}' AND t.concurrency_key = '' AND t.resume IS NULL
"""
_IN_TIME = "(t.deadline_at IS NULL OR t.deadline_at > %(now)s)"
_OF_TYPES = "(cardinality(%(types)s::text[]) = 0 OR t.type = ANY(%(types)s::text[]))"
_IN_OPEN_HOUSE = """
    s.status = ANY(%(sessions)s::text[]) AND (c.id IS NULL OR c.status = ANY(%(campaigns)s::text[]))
"""
# Whoever has capabilities also looks for what demands them, and takes the best of both.
_UNLIMITED = """
    a.capabilities = '{}' AND NOT EXISTS (
        SELECT 1 FROM swarm_concurrencylimit l WHERE l.scope = 'tenant' OR (l.scope = 'role' AND l.value = a.role)
    )
"""
_FIRST_OF_ALL = "t.priority DESC, t.id"
_TAKE = f"""
    WITH me AS MATERIALIZED (
        SELECT a.id, a.role, GREATEST(0, LEAST(%(most)s::int, a.max_slots - ({_HELD}))) AS room
        FROM swarm_agentprofile a WHERE a.id = %(agent)s::uuid AND {_TAKES_WORK} AND {_UNLIMITED} AND {HANDS_OUT}
    ), best AS MATERIALIZED (
        SELECT t.id, s.state_version AS session_version, c.state_version AS campaign_version
        FROM me JOIN swarm_task t ON {_PLAIN}
        JOIN swarm_swarmsession s ON s.id = t.session_id LEFT JOIN swarm_campaign c ON c.id = s.campaign_id
        WHERE t.id = ANY(%(ids)s::uuid[]) AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid
          AND {_IN_TIME} AND {_OF_TYPES} AND {_IN_OPEN_HOUSE}
        ORDER BY {_FIRST_OF_ALL} LIMIT (SELECT room FROM me) FOR NO KEY UPDATE OF t SKIP LOCKED
    ), made AS (
        UPDATE swarm_task t
        SET status = 'running', version = t.version + 1, agent_id = %(agent)s::uuid,
            lease_token = gen_random_uuid(), started_at = %(now)s, attempt_count = t.attempt_count + 1,
            lease_expires_at = LEAST(%(now)s + %(lease)s, %(now)s + t.timeout_seconds * interval '1 second', t.deadline_at),
            claimed_session_version = best.session_version, claimed_campaign_version = best.campaign_version
        FROM best
        WHERE t.id = best.id AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid AND t.status = 'queued'
        RETURNING t.*
    ), told AS (
        INSERT INTO kernel_event ({TOLD})
        SELECT f.fact, t.tenant_id, t.session_id, t.id, t.id, t.version, %(type)s,
               {payload(TaskClaimed, "t", attempt="t.attempt_count", resumed="false")},
               %(actor)s, %(trace)s, %(now)s
        FROM made t JOIN unnest(%(ids)s::uuid[], %(facts)s::uuid[]) AS f(task, fact) ON f.task = t.id
        ORDER BY {_FIRST_OF_ALL}
    )
    SELECT {prepared.columns(Task, "t")}, EXISTS (SELECT 1 FROM swarm_taskdependency d WHERE d.task_id = t.id)
    FROM made t ORDER BY {_FIRST_OF_ALL}
"""
