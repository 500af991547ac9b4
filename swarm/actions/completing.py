"""Results that pass as they are: one statement keeps them, completes their tasks and tells it, for one as for hundreds.

What it leaves alone is for `swarm.actions.results` and `swarm.actions.tasks`: whatever is late, stale, judged or a judge's.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.kernel import clock, ids, prepared
from chimera.kernel.actors import Actor
from chimera.kernel.eventlog import TOLD
from chimera.kernel.http.trace import current_trace
from chimera.kernel.prepared import Asked
from swarm.actions.results import NewResult, keep_artifacts
from swarm.events import TaskCompleted
from swarm.events.in_sql import payload
from swarm.queries import ACCEPTS
from swarm.states import SESSION_OPEN, AgentStatus


@dataclass(frozen=True)
class Passing:
    """A succeeded result whose text and score let it pass in risk tier `tier` and those above its number."""

    task_id: UUID
    lease_token: UUID
    agent_id: UUID
    new: NewResult
    tier: int
    by: Actor


def locking(task_ids: Collection[UUID]) -> Asked:
    """To be asked before `complete`: locks those that nobody holds, in the order of their ids, and answers them."""
    return _LOCK, _bounds(task_ids)


def complete(passing: Sequence[Passing]) -> set[UUID]:
    """RUNNING → COMPLETED, each with its result, where the lease is its agent's own now, its session goes on, and neither
    goal, budget nor context changed since. No task twice; the caller has locked them. Answers the completed ones."""
    if not passing:
        return set()
    results = {one.task_id: ids.uuid7() for one in passing}
    done = {row[0] for row in prepared.ask(_COMPLETE, _said(passing, results) | _bounds(list(results)) | _RULE)}
    keep_artifacts([(one.task_id, results[one.task_id], one.new.artifacts) for one in passing if one.task_id in done])
    return done


def _said(passing: Sequence[Passing], results: dict[UUID, UUID]) -> dict[str, Any]:
    return {
        "tasks": [one.task_id for one in passing],
        "tokens": [one.lease_token for one in passing],
        "agents": [one.agent_id for one in passing],
        "tiers": [one.tier for one in passing],
        "results": [results[one.task_id] for one in passing],
        "outputs": [_json(one.new.output_payload) for one in passing],
        "scores": [one.new.confidence_score for one in passing],
        "reasonings": [one.new.reasoning for one in passing],
        "evidences": [_json(one.new.evidence) for one in passing],
        "metrics": [_json(one.new.metrics) for one in passing],
        "says": [bool(one.new.output_payload or one.new.reasoning) for one in passing],
        "actors": [str(one.by) for one in passing],
        "facts": [ids.uuid7() for _ in passing],
        "trace": current_trace(),
        "now": clock.now(),
    }


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _json(value: Any) -> str | None:
    return None if value is None else _encode(value)


def _bounds(task_ids: Collection[UUID]) -> dict[str, Any]:
    """`first` and `last` keep a plan to the months in which the tasks lie."""
    return {"ids": list(task_ids), "first": min(task_ids), "last": max(task_ids)}


_RULE = {"type": TaskCompleted.full_type(), "sessions": [str(status) for status in SESSION_OPEN]}
_THOSE = "t.id = ANY(%(ids)s::uuid[]) AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid"
_LOCK = f"SELECT t.id FROM swarm_task t WHERE {_THOSE} ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED"
# Asked once per statement, of those agents alone that show a lease as `said`: none of them killed, and no stop acting.
NOBODY_STOPPED = f"""
    {ACCEPTS} AND said.agent <> ALL (ARRAY(
        SELECT id FROM swarm_agentprofile WHERE id = ANY(%(agents)s::uuid[]) AND status = '{AgentStatus.SUSPENDED}'
    ))
"""
_HOLDS = f"""
    t.status = 'running' AND t.lease_token = said.token AND t.agent_id = said.agent AND t.lease_expires_at > %(now)s
    AND s.status = ANY(%(sessions)s::text[]) AND {NOBODY_STOPPED}
"""
_IS_FRESH = """
    s.state_version = t.claimed_session_version AND c.state_version IS NOT DISTINCT FROM t.claimed_campaign_version
"""
_PASSES = "t.risk_tier >= said.tier AND NOT t.judged AND t.role <> 'judge'"
_COMPLETE = f"""
    WITH fit AS MATERIALIZED (
        SELECT said.*, t.tenant_id, t.attempt_count
        FROM unnest(
            %(tasks)s::uuid[], %(tokens)s::uuid[], %(agents)s::uuid[], %(tiers)s::smallint[], %(results)s::uuid[],
            %(outputs)s::jsonb[], %(scores)s::numeric[], %(reasonings)s::text[], %(evidences)s::jsonb[],
            %(metrics)s::jsonb[], %(says)s::boolean[], %(actors)s::text[], %(facts)s::uuid[]
        ) AS said (task, token, agent, tier, result, output, score, reasoning, evidence, metrics, says, actor, fact)
        JOIN swarm_task t ON t.id = said.task AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid
        JOIN swarm_swarmsession s ON s.id = t.session_id LEFT JOIN swarm_campaign c ON c.id = s.campaign_id
        WHERE {_HOLDS} AND {_IS_FRESH} AND {_PASSES}
    ), kept AS (
        INSERT INTO swarm_taskresult (
            task_id, lease_token, id, tenant_id, agent_id, attempt, status, output_payload, confidence_score, reasoning,
            evidence, metrics, outcome, applied, created_at
        )
        SELECT task, token, result, tenant_id, agent, attempt_count, 'succeeded', output, score, reasoning,
               evidence, metrics, 'completed', true, %(now)s
        FROM fit
    ), made AS (
        UPDATE swarm_task t
        SET status = 'completed', version = t.version + 1, completed_at = %(now)s, blocked_reason = '', error = NULL,
            resume = NULL, lease_token = NULL, lease_expires_at = NULL
        FROM fit WHERE t.id = fit.task AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid AND t.status = 'running'
        RETURNING t.*
    ), told AS (
        INSERT INTO kernel_event ({TOLD})
        SELECT fit.fact, t.tenant_id, t.session_id, t.id, t.id, t.version, %(type)s,
               {payload(TaskCompleted, "t", result="fit.result", says="fit.says")},
               fit.actor, %(trace)s, %(now)s
        FROM made t JOIN fit ON fit.task = t.id ORDER BY t.id
    )
    SELECT id FROM made
"""
