"""`chimera retry TASK…`, or by filter: dead letters start anew."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from chimera.flows.bulk_tasks import BulkVerb
from chimera.management.desk import acting, changing, choosing
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("tasks", nargs="*", type=choosing.an_id, metavar="TASK")
    choosing.add_filters(parser, status=False)
    changing.add_arguments(parser)


def run(house: House, options: dict[str, Any], paper: Paper) -> int:
    """1 when some could not be retried."""
    named, filtered = options["tasks"], choosing.names_any(options)
    if bool(named) == filtered:
        raise CommandError("Name the tasks to retry, or say which with filters such as --error-code; one of the two.")
    by = acting.operator(house, options["username"])
    if named:
        return changing.change_named(house, BulkVerb.RETRY, named, by=by, paper=paper)
    chosen = choosing.chosen(options)
    if not changing.agreed(house, BulkVerb.RETRY, chosen, yes=options["yes"]):
        raise CommandError("Nothing was retried.")
    return changing.change_found(house, BulkVerb.RETRY, chosen, by=by, paper=paper)
