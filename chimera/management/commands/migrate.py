"""`migrate` logs in as the owner (DATABASE_OWNER_URL), because the application's role owns nothing."""

from argparse import ArgumentParser

from django.core.management.commands.migrate import Command as DjangoMigrate


class Command(DjangoMigrate):
    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
