"""`chimera dead`: the dead letters, and with --retry or --drop what becomes of those that match."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from chimera.flows.bulk_tasks import BulkVerb
from chimera.kernel import tenancy
from chimera.kernel.console import show
from chimera.management.desk import acting, changing, choosing
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from chimera.management.desk.tasks import SHOWN, SHOWN_MAX
from swarm import shapes
from swarm.models import Task
from swarm.states import TaskStatus

COLUMNS = ("id", "error", "type", "role", "tries", "session", "failed", "what it said")


def add_arguments(parser: CommandParser) -> None:
    choosing.add_filters(parser, status=False)
    parser.add_argument("--limit", type=choosing.whole(1, SHOWN_MAX), default=SHOWN, metavar="N", help="of the list")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--retry", action="store_true", help="all that match start anew")
    what.add_argument("--drop", action="store_true", help="all that match are cancelled, and what waits for them")
    parser.add_argument("--reason", default="", help="of a drop; kept with the fact")
    changing.add_arguments(parser)


def run(house: House, options: dict[str, Any], paper: Paper) -> int:
    """1 when some could not be changed."""
    if not (options["retry"] or options["drop"]):
        return _list(house, options, paper)
    verb = BulkVerb.RETRY if options["retry"] else BulkVerb.DROP
    chosen = choosing.chosen(options, status=TaskStatus.FAILED)
    by = acting.operator(house, options["username"])
    if not changing.agreed(house, verb, chosen, yes=options["yes"]):
        raise CommandError(f"Nothing was {changing.PAST[verb]}.")
    return changing.change_found(house, verb, chosen, by=by, reason=options["reason"], paper=paper)


def _list(house: House, options: dict[str, Any], paper: Paper) -> int:
    with tenancy.bound(house.id):
        rows = choosing.chosen(options, status=TaskStatus.FAILED).rows().select_related("session").order_by("-pk")
        found = list(rows[: options["limit"]])
        if paper.as_json:
            for shape in shapes.tasks(found):
                paper.told(shape)
            return 0
        paper.table(COLUMNS, [_row(task) for task in found], empty="No task has failed for good.", whole=2)
    if len(found) == options["limit"]:
        paper.line(f"The newest {len(found)}; --limit shows more, filters show others.", "dim")
    return 0


def _row(task: Task) -> tuple[object, ...]:
    error = task.error or {}
    return (
        task.pk,
        error.get("code", ""),
        task.type,
        task.role,
        f"{task.attempt_count}/{task.max_attempts}",
        show.short(str(task.session), 40),
        show.spoken(task.completed_at) if task.completed_at else show.NOTHING,
        show.short(error.get("message", ""), 160),
    )
