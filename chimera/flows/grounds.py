"""On which grounds an action is decided: the goal that its task works for, and what its agents were shown of memory. Reads only."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from memory import queries as memory
from safety.models import CardKind, ReviewCard
from swarm.actions import tasks
from swarm.models import Task


def goal_of(task: Task) -> list[int | None]:
    """The versions of its session and campaign, which goal, budget and context raise."""
    session = tasks.session_of(task)
    return [session.state_version, session.campaign.state_version if session.campaign else None]


def goes_by_goal(card: ReviewCard) -> bool:
    """Whether approving it counts for the goal alone under which it was made."""
    return card.kind in (CardKind.RESULT, CardKind.JUDGE, CardKind.ACTION)


def evidence_of(task_id: UUID) -> list[dict[str, Any]]:
    """The memories that are frozen with the task, each with its version now: [{id, version}]."""
    frozen = {UUID(shown["id"]) for shown in memory.frozen_for(task_id)}
    versions = memory.versions_of(frozen)
    return [{"id": str(memory_id), "version": versions.get(memory_id)} for memory_id in sorted(frozen)]


def changed_since(evidence: Sequence[dict[str, Any]]) -> bool:
    """Whether one of these memories was superseded or forgotten since its version was read."""
    versions = memory.versions_of({UUID(known["id"]) for known in evidence})
    return any(versions.get(UUID(known["id"])) != known["version"] for known in evidence)
