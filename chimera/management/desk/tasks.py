"""`chimera tasks`: tasks by filter, newest first."""

from typing import Any

from django.core.management.base import CommandParser

from chimera.kernel import tenancy
from chimera.kernel.console import show
from chimera.management.desk import choosing
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from swarm import shapes
from swarm.models import Task

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
        paper.table(COLUMNS, [_row(task) for task in found], empty="No task is like that.")
    if len(found) == options["limit"]:
        paper.line(f"The newest {len(found)}; --limit shows more, filters show others.", "dim")
    return 0


def _row(task: Task) -> tuple[object, ...]:
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
        because(task),
    )


def because(task: Task) -> str:
    error = task.error or {}
    told = f"{error.get('code', '')}: {error.get('message', '')}" if error else ""
    return show.short(task.blocked_reason or told, 120)
