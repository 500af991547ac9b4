"""Many tasks and dead letters, made without the detour of claims."""

from collections import Counter
from typing import Any

from django.db.models import F

from chimera.kernel import clock
from swarm.models import Task
from tests.cast import Stage


def statuses(stage: Stage) -> dict[str, int]:
    with stage.bound():
        return dict(Counter(Task.objects.values_list("status", flat=True)))


def many(stage: Stage, session: str, number: int, **more: Any) -> list[str]:
    """Created by Pia, in batches."""
    body = {"session": session, "type": "research", "input_payload": {}} | more
    made: list[str] = []
    while len(made) < number:
        batch = [body] * min(500, number - len(made))
        made += [task["id"] for task in stage.pia.post("tasks/batch", {"tasks": batch}).ok(201)["tasks"]]
    return made


def failed(stage: Stage, session: str, number: int, code: str = "unreadable", **more: Any) -> list[str]:
    """Dead letters, without the detour of claims."""
    made = many(stage, session, number, **more)
    error = {"code": code, "message": "It is a scanned picture.", "retryable": False}
    with stage.bound():
        Task.objects.filter(pk__in=made).update(
            status="failed", error=error, attempt_count=3, completed_at=clock.now(), version=F("version") + 1
        )
    return made
