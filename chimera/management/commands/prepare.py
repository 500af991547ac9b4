"""`manage.py prepare`: what must stand before a development installation serves."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from chimera import bootstrap


class Command(BaseCommand):
    help = "Migrates as the owner, gathers static files, makes the development tenant, writes dev.json."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only-serve", action="store_true", help="dev.json names no session")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", database="owner", interactive=False, verbosity=options["verbosity"])
        call_command("collectstatic", interactive=False, verbosity=0)
        made = bootstrap.ensure_development(settings.HOME, settings.BASE_URL)
        if options["only_serve"]:
            made["session"] = None
        bootstrap.write_dev(settings.HOME, made)
