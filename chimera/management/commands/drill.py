"""`manage.py drill budget`: ten processes spend from the same budgets, on servers of their own, while everything breaks.

Exit codes: 0 no sample saw more than a limit permits, windows and ledger agreed to the end, and enough was seen and done; 1 a limit was
broken (which --naive must do) or the books differ; 2 nothing is proven, or not understood.
"""

import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.kernel.embedded import ServerFailed
from chimera.management.desk.choosing import whole
from chimera.management.drill import paper
from chimera.management.drill.house import DrillFailed
from chimera.management.drill.plan import Plan
from chimera.management.drill.proof import UNPROVEN
from chimera.management.drill.run import Run

PROCESSES, HOLDS, SECONDS = 10, 200, 96
SECONDS_LEAST = 36  # after a leap of the clock each process needs a second or two to begin anew


class Command(BaseCommand):
    help = (
        "Proves that budgets hold while processes are killed, Redis is lost and the calendar turns. Takes two minutes."
    )
    requires_system_checks: list[str] = []  # it has a database of its own

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
        budget = kinds.add_parser("budget", help="money: no budget is ever overspent")
        budget.add_argument("--processes", type=whole(1, 40), default=PROCESSES, metavar="N")
        budget.add_argument("--holds", type=whole(4, 5000), default=HOLDS, metavar="N", help="of a process, at once")
        budget.add_argument(
            "--seconds", type=whole(SECONDS_LEAST, 3600), default=SECONDS, metavar="N", help="of spending"
        )
        budget.add_argument("--naive", action="store_true", help="the control: check, then add; it must overshoot")
        budget.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER", help="default: out/")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = Plan(
            processes=options["processes"],
            holds=options["holds"],
            seconds=float(options["seconds"]),
            naive=options["naive"],
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers are stopped then, too
        try:
            with paper.Board(self.stdout, colours=not options["no_color"]) as board:
                result = Run(plan, settings.BASE_DIR, say=board.say, show=board.show).run()
            board.end(result)
        except (DrillFailed, ServerFailed) as failure:
            raise CommandError(str(failure), returncode=UNPROVEN) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted; its servers and their folder are gone.", returncode=130) from None
        for page in paper.write(result, options["out"]):
            self.stdout.write(f"report: {page}")
        if result.code:
            sys.exit(result.code)
