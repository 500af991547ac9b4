"""`manage.py doctor`: what is missing or wrong, each with what to do about it. Exit code 1 when something is broken."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chimera.kernel import roles
from chimera.management.examination import Finding, examine

MARKS = {"ok": "ok     ", "warning": "WARNING", "broken": "BROKEN "}


class Command(BaseCommand):
    help = "Examine servers, roles, migrations, partitions, event log and lanes, and say what is missing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sql", action="store_true", help="print the SQL that provisions roles and database on your own server"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sql"]:
            self.stdout.write(roles.script())
            return
        found = [self._say(finding) for finding in examine()]
        if "broken" in found:
            sys.exit(1)

    def _say(self, finding: Finding) -> str:
        self.stdout.write(f"{MARKS[finding.grade]}  {finding.what}")
        if finding.remedy:
            self.stdout.write(f"         {finding.remedy}")
        return finding.grade
