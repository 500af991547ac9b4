"""What led to a task: it and the tasks above it, with the names of who made them and who works at them. Reads only."""

from dataclasses import dataclass
from functools import cache
from uuid import UUID

from chimera.kernel import prepared
from chimera.kernel.actors import SYSTEM
from swarm.models import Task

ABOVE_MAX = 10  # tasks above it that a page shows; deeper trees are read on the tasks' own pages

# From each task to its parent by the primary key, whatever the statistics say. What those above were given is not read.
_LINEAGE = """
    WITH RECURSIVE line AS (
        SELECT own.*, 0 AS up FROM (SELECT id, parent_task_id FROM swarm_task WHERE id = %(task)s::uuid OFFSET 0) own
        UNION ALL
        SELECT next.*, line.up + 1 FROM line CROSS JOIN LATERAL (
            SELECT id, parent_task_id FROM swarm_task WHERE id = line.parent_task_id OFFSET 0
        ) next WHERE line.up < %(above)s::int
    )
    SELECT <columns>, coalesce(agent.name, ''), coalesce(person.username, maker.name, t.created_by)
    FROM line CROSS JOIN LATERAL (SELECT * FROM swarm_task WHERE id = line.id OFFSET 0) t
    LEFT JOIN swarm_agentprofile agent ON agent.id = t.agent_id
    LEFT JOIN auth_user person ON person.id = CASE WHEN t.created_by ~ '^person:[0-9]+$' THEN substr(t.created_by, 8)::int END
    LEFT JOIN swarm_agentprofile maker ON maker.id = CASE WHEN starts_with(t.created_by, 'agent:') THEN substr(t.created_by, 7)::uuid END
    ORDER BY line.up
"""
_PAYLOAD = 't."input_payload"'


@dataclass(frozen=True, slots=True)
class Link:
    task: Task
    agent: str  # whose lease it has or had last; "" before the first
    made_by: str


def lineage_of(task_id: UUID) -> list[Link]:
    """The task first, then what is above it; nothing where it is gone. One query."""
    rows = prepared.ask(_sql(), {"task": task_id, "above": ABOVE_MAX})
    return [_link(prepared.instance(Task, row[:-2]), str(row[-2]), str(row[-1])) for row in rows]


@cache
def _sql() -> str:
    own = f"CASE WHEN line.up = 0 THEN {_PAYLOAD} ELSE '{{}}' END"
    return _LINEAGE.replace("<columns>", prepared.columns(Task, "t").replace(_PAYLOAD, own))


def _link(task: Task, agent: str, made_by: str) -> Link:
    return Link(task, agent, SYSTEM.name if made_by == str(SYSTEM) else made_by)
