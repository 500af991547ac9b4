"""Leases that many show at once: which of them hold, and where their tasks stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.prepared import Asked, Row
from swarm.actions.completing import NOBODY_STOPPED, locking
from swarm.models.task import ExecutionMode
from swarm.states import SESSION_OPEN, TaskStatus

__all__ = ["Lease", "Leased", "holding", "leased", "locking"]


class Lease(NamedTuple):
    """What an agent shows."""

    task_id: UUID
    token: UUID
    agent_id: UUID


@dataclass(frozen=True, slots=True)
class Leased:
    """The task of a lease that holds."""

    session_id: UUID
    campaign_id: UUID | None
    expires_at: datetime
    dry_run: bool
    has_parent: bool


def holding(leases: Sequence[Lease]) -> Asked:
    """To be asked after `locking`: what `tasks.check_lease` lets pass, with the places of their leases. `leased` reads it."""
    return _HOLDING, {
        "tasks": [lease.task_id for lease in leases],
        "tokens": [lease.token for lease in leases],
        "agents": [lease.agent_id for lease in leases],
        "first": min(lease.task_id for lease in leases),
        "last": max(lease.task_id for lease in leases),
        "now": clock.now(),
        "sessions": [str(status) for status in SESSION_OPEN],
        "running": str(TaskStatus.RUNNING),
        "dry": str(ExecutionMode.DRY_RUN),
    }


def leased(leases: Sequence[Lease], rows: Sequence[Row]) -> dict[Lease, Leased]:
    return {leases[place - 1]: Leased(*row) for place, *row in rows}


_HOLDS = f"""
    t.status = %(running)s AND t.lease_token = said.token AND t.agent_id = said.agent AND t.lease_expires_at > %(now)s
    AND s.status = ANY(%(sessions)s::text[]) AND {NOBODY_STOPPED}
"""
_HOLDING = f"""
    SELECT said.place, t.session_id, s.campaign_id, t.lease_expires_at, t.execution_mode = %(dry)s,
           t.parent_task_id IS NOT NULL
    FROM unnest(%(tasks)s::uuid[], %(tokens)s::uuid[], %(agents)s::uuid[])
         WITH ORDINALITY AS said (task, token, agent, place)
    JOIN swarm_task t ON t.id = said.task AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid
    JOIN swarm_swarmsession s ON s.id = t.session_id
    WHERE {_HOLDS}
"""
