"""Who asked for a task and what it spends: everybody whose doing it is, whoever else had a hand in it later. Reads only."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from chimera.kernel import prepared
from chimera.kernel.actors import ActorKind
from swarm.actions.planning import OF_A_SCHEDULE


class Relation(StrEnum):
    """How a person asked; the first of several that hold is told."""

    TASK = "task"  # made it
    ABOVE = "above"  # made a task above it, at any height
    RUN = "run"  # had a schedule make one of these out of its turn
    SCHEDULE = "schedule"  # wrote a schedule that made one of these: its creator, and each who changed it
    AGENT = "agent"  # registered an agent that did any of this, or that spends
    KEY = "key"  # issued a key of such an agent that was valid when it did that, or after


@dataclass(frozen=True, slots=True)
class Asked:
    """A task, and the agent that asks for something with it; `of` is the caller's name for the two."""

    of: UUID
    task_id: UUID
    agent_id: UUID | None


# From each task to its parent by the primary key, whatever the statistics say; `since` is when an actor did it first.
_WHO = """
    WITH RECURSIVE asked AS MATERIALIZED (
        SELECT * FROM unnest(%(names)s::uuid[], %(tasks)s::uuid[], %(agents)s::uuid[]) AS asked (name, task, agent)
    ), made (name, is_own, id, parent, actor, since) AS (
        SELECT asked.name, true, own.* FROM asked CROSS JOIN LATERAL (
            SELECT id, parent_task_id, created_by, created_at FROM swarm_task WHERE id = asked.task OFFSET 0
        ) own
        UNION
        SELECT made.name, false, next.* FROM made CROSS JOIN LATERAL (
            SELECT id, parent_task_id, created_by, created_at FROM swarm_task WHERE id = made.parent OFFSET 0
        ) next
    ), run (name, schedule, actor, since) AS MATERIALIZED (
        SELECT made.name, r.schedule_id, r.asked_by, r.created_at FROM made JOIN swarm_schedulerun r ON r.task_id = made.id
        UNION ALL
        SELECT name, substr(actor, length(%(schedule)s::text) + 1)::uuid, '', since FROM made
        WHERE starts_with(actor, %(schedule)s::text)
    ), who (name, actor, since, relation) AS MATERIALIZED (
        SELECT name, actor, since, CASE WHEN is_own THEN 'task' ELSE 'above' END FROM made
        UNION ALL SELECT name, actor, since, 'run' FROM run
        UNION ALL
        SELECT run.name, writer.actor, s.created_at, 'schedule' FROM run JOIN swarm_schedule s ON s.id = run.schedule
        CROSS JOIN LATERAL unnest(s.written_by || s.created_by) AS writer (actor)
        UNION ALL
        SELECT asked.name, 'agent:' || asked.agent, made.since, '' FROM asked JOIN made ON made.name = asked.name AND made.is_own
    ), acted AS MATERIALIZED (
        SELECT name, substr(actor, 7)::uuid AS agent, min(since) AS since FROM who WHERE starts_with(actor, 'agent:')
        GROUP BY name, actor
    )
    SELECT name, actor, relation FROM who
    UNION
    SELECT acted.name, a.registered_by, 'agent' FROM acted JOIN swarm_agentprofile a ON a.id = acted.agent
    UNION
    SELECT acted.name, k.issued_by, 'key' FROM acted JOIN swarm_agentkey k ON k.agent_id = acted.agent
    WHERE (k.revoked_at IS NULL OR k.revoked_at > acted.since) AND (k.expires_at IS NULL OR k.expires_at > acted.since)
"""
_PERSON = f"{ActorKind.PERSON}:"


def requesters(asked: Sequence[Asked]) -> dict[UUID, dict[int, Relation]]:
    """By name, the ids of the people who asked, and how. One statement, however deep the trees are and however many are asked."""
    found: dict[UUID, dict[int, Relation]] = defaultdict(dict)
    if not asked:
        return found
    order = list(Relation)
    said = {"names": [a.of for a in asked], "tasks": [a.task_id for a in asked], "agents": [a.agent_id for a in asked]}
    for name, actor, relation in prepared.ask(_WHO, said | {"schedule": OF_A_SCHEDULE}):
        if actor.startswith(_PERSON):
            person, how = int(actor.removeprefix(_PERSON)), Relation(relation)
            found[name][person] = min(how, found[name].get(person, how), key=order.index)
    return found
