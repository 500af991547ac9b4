"""Retry and drop from the command line, for as long as it takes: bounded calls of the same flow, one after the other."""

import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from chimera.flows.bulk_tasks import BulkVerb, NotChanged, change_each, change_matching
from chimera.kernel import redis, tenancy
from chimera.kernel.actors import Actor
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from swarm.selection import TaskFilter
from swarm.states import TaskStatus

COUNTED_MAX = 10_000
PAST = {BulkVerb.RETRY: "retried", BulkVerb.DROP: "dropped", BulkVerb.CANCEL: "cancelled"}


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--as", dest="username", metavar="USERNAME", help="operator or admin in whose name it is done")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def change_named(house: House, verb: BulkVerb, task_ids: Sequence[UUID], *, by: Actor, paper: Paper) -> int:
    changed, failed, left = 0, [], list(dict.fromkeys(task_ids))
    while left:
        done = change_each(tenant_id=house.id, verb=verb, task_ids=left, by=by)
        changed, left = changed + done.changed, [task_id for task_id in left if task_id not in done.looked_at]
        failed += done.failed
    return _report(paper, verb, changed, failed)


def change_found(house: House, verb: BulkVerb, chosen: TaskFilter, *, by: Actor, reason: str = "", paper: Paper) -> int:
    changed, failed, after = 0, [], None
    while True:
        done = change_matching(tenant_id=house.id, verb=verb, chosen=chosen, by=by, reason=reason, after=after)
        changed, after = changed + done.changed, done.next
        failed += done.failed
        if after is None:
            return _report(paper, verb, changed, failed)


def agreed(house: House, verb: BulkVerb, chosen: TaskFilter, *, yes: bool) -> bool:
    """Ask on the terminal; without one, --yes is the only way to agree."""
    if yes:
        return True
    with tenancy.bound(house.id):
        number = chosen.rows().filter(status=TaskStatus.FAILED).order_by()[: COUNTED_MAX + 1].count()
    if not number:
        return True  # nothing is done, and said so
    words = f"more than {COUNTED_MAX}" if number > COUNTED_MAX else str(number)
    letters = "dead letter" if number == 1 else "dead letters"
    if not sys.stdin.isatty():
        raise CommandError(f"This would {verb} {words} {letters} of {house.name}; add --yes to do it without asking.")
    sys.stderr.write(f"{str(verb).capitalize()} {words} {letters} of {house.name}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _report(paper: Paper, verb: BulkVerb, changed: int, failed: list[NotChanged]) -> int:
    redis.nudge()
    if paper.as_json:
        shown: list[dict[str, Any]] = [{"task": str(f.task), "code": f.code, "detail": f.detail} for f in failed]
        paper.told({"verb": str(verb), "changed": changed, "failed": shown})
    else:
        paper.line(f"{changed} {PAST[verb]}.", "green" if changed else "")
        if failed:
            paper.line(f"{len(failed)} left as they are:", "yellow")
            paper.table(("id", "code", "why"), [(f.task, f.code, f.detail) for f in failed], empty="", whole=2)
    return 1 if failed else 0
