"""Where money is spent: a task with those above it, its session, campaign and agent. Reads only.

A task's ancestors never change, so what is read here needs no lock.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from commerce.actions import Place
from commerce.models import BudgetConfig
from swarm import queries
from swarm.models import Task


def place_of(task: Task, agent_id: UUID) -> Place:
    return places_of([(task, agent_id)])[0]


def places_of(spending: Sequence[tuple[Task, UUID]]) -> list[Place]:
    """Of (task, agent), in this order; at most two queries, and none where no task has a parent."""
    above = above_of({task.pk for task, _ in spending if task.parent_task_id})
    return [
        Place(
            task_id=task.pk,
            above=tuple(above.get(task.pk, ())),
            session_id=task.session_id,
            campaign_id=task.session.campaign_id,
            agent_id=agent_id,
        )
        for task, agent_id in spending
    ]


def above_of(below: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The tasks above those that have a parent, where any task has a budget; nothing where none has."""
    return queries.above(sorted(below)) if below and BudgetConfig.objects.of_tasks().exists() else {}
