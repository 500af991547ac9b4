"""Whose a task is: which ones a planner may cancel, retry and drop."""

from django.db.models import Q

from chimera.kernel.actors import Actor, ActorKind
from chimera.kernel.errors import forbidden
from swarm.models import Schedule, Task

OF_A_SCHEDULE = f"{ActorKind.SYSTEM}:schedule:"


def itself(schedule: Schedule) -> Actor:
    """In whose name a schedule acts when nobody asked it to."""
    return Actor(ActorKind.SYSTEM, f"schedule:{schedule.pk}", schedule.name)


def reach(by: Actor) -> Q:
    """Of tasks: a planner's own; for people, all."""
    return Q(created_by__in=_names(by)) if by.kind is ActorKind.AGENT else Q()


def may_plan(task: Task, by: Actor) -> bool:
    if by.kind is not ActorKind.AGENT or task.created_by == str(by):
        return True
    return task.created_by.startswith(OF_A_SCHEDULE) and task.created_by in _names(by)


def check_planner(task: Task, by: Actor) -> None:
    """403 unless the task is within its reach."""
    if not may_plan(task, by):
        raise forbidden("Another created this task; its planner or a person may do that.", code="not_yours")


def _names(by: Actor) -> list[str]:
    """In whose names its tasks were made."""
    return [str(by), *(str(itself(schedule)) for schedule in Schedule.objects.filter(created_by=str(by)).only("name"))]
