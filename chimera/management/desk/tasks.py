"""`chimera tasks`: tasks by filter, newest first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from chimera.kernel import tenancy
from chimera.kernel.console import show
from chimera.management.desk import choosing
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from swarm import queries, shapes
from swarm.models import Task
from swarm.states import TaskStatus

SHOWN, SHOWN_MAX = 50, 1_000
COLUMNS = ("id", "status", "type", "role", "prio", "tries", "agent", "session", "created", "because")


def add_arguments(parser: CommandParser) -> None:
    choosing.add_filters(parser)
    parser.add_argument("--limit", type=choosing.whole(1, SHOWN_MAX), default=SHOWN, metavar="N", help="50 unless told")


def run(house: House, options: dict[str, Any], paper: Paper) -> int:
    with tenancy.bound(house.id):
        rows = choosing.chosen(options).rows().select_related("session", "agent").order_by("-pk")
        found = list(rows[: options["limit"]])
        if paper.as_json:
            for shape in shapes.tasks(found):
                paper.told(shape)
            return 0
        unmet = queries.unmet([task.pk for task in found if task.status == TaskStatus.PENDING], most=1)
        paper.table(COLUMNS, [_row(task, unmet.get(task.pk, [])) for task in found], empty="No task is like that.")
    if len(found) == options["limit"]:
        paper.line(f"The newest {len(found)}; --limit shows more, filters show others.", "dim")
    return 0


def _row(task: Task, unmet: Sequence[tuple[UUID, TaskStatus]]) -> tuple[object, ...]:
    return (
        task.pk,
        task.status,
        task.type,
        task.role,
        task.priority,
        f"{task.attempt_count}/{task.max_attempts}",
        task.agent.name if task.agent else show.NOTHING,
        show.short(str(task.session), 40),
        show.spoken(task.created_at),
        show.short(task.blocked_reason or _waits(unmet) or _erred(task), 120),
    )


def _waits(unmet: Sequence[tuple[UUID, TaskStatus]]) -> str:
    return "".join(f"waits for {task_id}, which is {status}" for task_id, status in unmet)


def _erred(task: Task) -> str:
    error = task.error or {}
    return f"{error.get('code', '')}: {error.get('message', '')}" if error else ""
