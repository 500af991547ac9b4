"""`manage.py person link|reset-second-factor NAME`: for people who cannot get in, whatever tenants they have."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.kernel.entrance import second_factor, welcome
from chimera.kernel.entrance.telling import tell_of_command
from chimera.kernel.events import PasswordLinkIssued, SecondFactorRemoved
from chimera.management.desk import reaching


class Command(BaseCommand):
    help = "A link to set a password, or the removal of a lost second factor; told in each of the person's tenants."
    requires_system_checks: list[str] = []  # they need the servers, and say less plainly that these are away

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, what in (
            ("link", "print a link with which the person sets a password; it works once, for three days"),
            ("reset-second-factor", "remove it; where a tenant asks for one, the next login sets up another"),
        ):
            verbs.add_parser(verb, help=what).add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        with reaching.postgresql():
            user = get_user_model()._default_manager.filter(username=options["name"]).first()
            if user is None:
                raise CommandError(f"There is no account {options['name']!r}.")
            if options["verb"] == "link":
                tell_of_command(PasswordLinkIssued, user)
                self.stdout.write(welcome.link(user))
                return
            if not second_factor.remove(user.pk):
                raise CommandError(f"{user.get_username()} has no second factor.")
            tell_of_command(SecondFactorRemoved, user)
            self.stdout.write(f"{user.get_username()} has no second factor any more.")
