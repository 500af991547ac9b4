"""`manage.py tenant add NAME [--json]`: another tenant with an owner and keys, printed once."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.bootstrap import add_tenant
from chimera.kernel.errors import Refused
from chimera.management.desk import reaching


class Command(BaseCommand):
    help = "Add a tenant with an owner, a personal token and three agents' keys. They are shown only once."
    requires_system_checks: list[str] = []  # they need the servers, and say less plainly that these are away

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="add a tenant")
        add.add_argument("name")
        add.add_argument("--time-zone", default="UTC", help="IANA name; the budget's day is this zone's day")
        add.add_argument("--json", action="store_true", help="print the keys as JSON, as in dev.json")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with reaching.postgresql():
                made = add_tenant(name=options["name"], time_zone=options["time_zone"], base_url=settings.BASE_URL)
        except Refused as refusal:
            raise CommandError(refusal.detail) from None
        if options["json"]:
            self.stdout.write(json.dumps(made | {"session": None}))
            return
        self.stdout.write(f"tenant    {made['tenant']}  {options['name']}")
        self.stdout.write(f"admin     {made['admin']['username']}  {made['admin']['password']}")
        self.stdout.write(f"token     {made['token']}")
        for role, key in made["agents"].items():
            self.stdout.write(f"{role:<9} {key}")
