"""`manage.py chimera …`: the operator's command line. Look: tasks, queue, agents, tail, dead, doctor; change: retry, dead, stop,
pause, resume.

Exit codes: 0 done, 1 refused or not all of it done, 2 not understood.
"""

import argparse
import os
import sys
from types import ModuleType
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.kernel.errors import Refused
from chimera.management.desk import acting, agents, dead, queue, reaching, retry, steering, tail, tasks
from chimera.management.desk.paper import Paper

VERBS: dict[str, tuple[ModuleType, str]] = {
    "tasks": (tasks, "tasks by filter, newest first"),
    "queue": (queue, "what waits and how fast it goes, per role and band"),
    "agents": (agents, "who is there, and how much each holds"),
    "tail": (tail, "a session's events, and then live until Ctrl-C"),
    "retry": (retry, "failed tasks start anew"),
    "dead": (dead, "the dead letters; --retry or --drop those that match"),
    "stop": (steering, "an agent, a session, a campaign, the tenant or everything; nothing of it is accepted any more"),
    "kill": (steering, "the same"),
    "pause": (steering, "the same things: nothing new is handed out"),
    "resume": (steering, "what was paused, an agent that was killed, a tenant or everything that was stopped"),
}


class Command(BaseCommand):
    help = "The operator's command line. `manage.py chimera VERB --help` says what a verb takes."
    requires_system_checks: list[str] = []  # they need the servers, and say less plainly that these are away

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="NAME", help="the only one, where there is just one")
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for name, (module, words) in VERBS.items():
            verb = verbs.add_parser(name, help=words, description=module.__doc__)
            verb.add_argument("--tenant", metavar="NAME", default=argparse.SUPPRESS)
            verb.add_argument("--json", action="store_true", help="one JSON object per line")
            module.add_arguments(verb)
        doctor = verbs.add_parser("doctor", help="what is missing or wrong, each with what to do about it")
        doctor.add_argument("--sql", action="store_true", help="print the SQL that provisions roles and database")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "doctor":
            call_command("doctor", sql=options["sql"], stdout=self.stdout)
            return
        try:
            with reaching.postgresql():
                code = self._run(options)
        except Refused as refusal:
            raise CommandError(refusal.detail) from None
        except BrokenPipeError:
            # Whoever read has enough; Python would complain once more when it closes what nobody reads.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except KeyboardInterrupt:
            raise CommandError("Interrupted; what was done is done.", returncode=130) from None
        if code:
            sys.exit(code)

    def _run(self, options: dict[str, Any]) -> int:
        module, _ = VERBS[options["verb"]]
        paper = Paper(self.stdout, as_json=options["json"], colours=not options["no_color"])
        if options.get("what") == steering.EVERYTHING:
            return steering.run_everywhere(options, paper)
        house = acting.house(options["tenant"])
        code: int = module.run(house, options, paper)
        return code
