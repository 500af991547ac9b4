"""Transactions with the names of what they belong to: session, agent and task are ids in the ledger. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chimera.flows.show_card import tasks_of
from commerce.models import Transaction
from swarm.models import AgentProfile, SwarmSession


@dataclass(frozen=True, slots=True)
class Names:
    """What is gone is called by the end of its id."""

    task: str
    session: str
    agent: str


def name_transactions(rows: Sequence[Transaction]) -> dict[UUID, Names]:
    """In three queries for any number of rows."""
    sessions = {s.pk: str(s) for s in SwarmSession.objects.filter(pk__in={r.session_id for r in rows})}
    agents = {a.pk: a.name for a in AgentProfile.objects.filter(pk__in={r.agent_id for r in rows})}
    tasks = {pk: task.type for pk, task in tasks_of(r.task_id for r in rows).items()}
    return {
        r.pk: Names(
            tasks.get(r.task_id, _tail(r.task_id)),
            sessions.get(r.session_id, _tail(r.session_id)),
            agents.get(r.agent_id, _tail(r.agent_id)),
        )
        for r in rows
    }


def _tail(key: UUID) -> str:
    return f"…{str(key)[-6:]}"
