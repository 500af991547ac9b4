"""`manage.py reconcile [--tenant NAME] [--repair] [--json]`: do windows, ledger, transitions and mirror say the same?

Exit codes: 0 they do (or do now, with --repair), 1 they do not, or could not be compared, 2 not understood.
"""

import logging
import os
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.flows.reconcile import Reconciled, reconcile
from chimera.management.desk import acting, reaching
from chimera.management.desk.paper import Paper
from commerce.drift import Drift, Place

SHOWN_MAX = 500  # rows of a table; --json names all
COLUMNS = ("place", "row", "what", "expected", "found", "tenant", "detail")


class Command(BaseCommand):
    help = "Compares windows, transactions, transitions and the mirror in Redis, and names each row that is wrong."
    requires_system_checks: list[str] = []  # they need the servers, and say less plainly that these are away

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="NAME", help="all of them unless told")
        parser.add_argument("--repair", action="store_true", help="write the mirror anew; the ledger is never touched")
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def handle(self, *args: Any, **options: Any) -> None:
        paper = Paper(self.stdout, as_json=options["json"], colours=not options["no_color"])
        try:
            with reaching.postgresql():
                _check_redis_is_named()
                clean = self._run(options, paper)
        except BrokenPipeError:
            # Whoever read has enough; Python would complain once more when it closes what nobody reads.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        if not clean:
            sys.exit(1)

    def _run(self, options: dict[str, Any], paper: Paper) -> bool:
        house = acting.house(options["tenant"]) if options["tenant"] else None
        shown: list[Drift] = []

        def tell(drift: Drift) -> None:
            if paper.as_json:
                paper.told(asdict(drift) | {"repaired": False})
            elif len(shown) < SHOWN_MAX:
                shown.append(drift)

        done = reconcile(tenant_id=house.id if house else None, repair=options["repair"], tell=tell)
        if paper.as_json:
            self._end_as_json(done, paper)
        else:
            self._end_as_table(done, shown, paper)
        return done.drifts == 0 and done.looked_at[Place.MIRROR] is not None

    def _end_as_json(self, done: Reconciled, paper: Paper) -> None:
        for drift in done.mirror:
            paper.told(asdict(drift) | {"repaired": drift.row in done.repaired})
        paper.told({"looked_at": done.looked_at, "drifts": done.drifts, "repaired": len(done.repaired)})

    def _end_as_table(self, done: Reconciled, shown: list[Drift], paper: Paper) -> None:
        unshown = done.drifts + len(done.repaired) - len(done.mirror) - len(shown)
        rows = [_row(drift, done.repaired) for drift in [*shown, *done.mirror[:SHOWN_MAX]]]
        if rows:
            paper.table(COLUMNS, rows, empty="", whole=5)
        if (unshown := unshown + max(0, len(done.mirror) - SHOWN_MAX)) > 0:
            paper.line(f"… and {unshown} more; --json names them all.")
        looked = ", ".join(
            f"{number} {_words(place, number)}" for place, number in done.looked_at.items() if number is not None
        )
        paper.line(f"Looked at {looked}.")
        if done.looked_at[Place.MIRROR] is None:
            paper.line("Redis is away: the mirror was not compared.", "yellow")
        if done.repaired:
            paper.line(f"{len(done.repaired)} of the mirror repaired.", "green")
        if done.drifts:
            paper.line(
                f"{done.drifts} {'does' if done.drifts == 1 else 'do'} not agree. Nothing of the ledger was changed.",
                "red",
            )
        else:
            paper.line("They agree.", "green")


def _check_redis_is_named() -> None:
    logging.getLogger("chimera.kernel.redis").setLevel(logging.ERROR)  # that it is away, our own sentence says
    if not settings.SERVERS["REDIS_URL"]:
        raise CommandError("REDIS_URL is not set: name the Redis whose mirror is to be compared.")


def _words(place: Place, number: int) -> str:
    many = "" if number == 1 else "s"
    return f"key{many} of the mirror" if place == Place.MIRROR else f"{place}{many}"


def _row(drift: Drift, repaired: set[str]) -> tuple[object, ...]:
    detail = "repaired; " + drift.detail if drift.place == Place.MIRROR and drift.row in repaired else drift.detail
    return (drift.place, drift.row, drift.name, drift.expected, drift.found, drift.tenant_id or "none", detail)
