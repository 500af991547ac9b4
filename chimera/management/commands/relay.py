"""`manage.py relay [--lanes redis,memory,clock]`: read the event log and do the late work, until SIGTERM."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from chimera.kernel import tenancy, xidbase
from chimera.kernel.loop import Stop
from chimera.kernel.relay.run import Relay


class Command(BaseCommand):
    help = "Runs the event log's lanes. Start two for failover: one leads each lane, the other waits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lanes", default="", help="comma-separated; every lane by default")

    def handle(self, *args: Any, **options: Any) -> None:
        lanes = [name.strip() for name in options["lanes"].split(",") if name.strip()]
        try:
            relay = Relay(lanes, stop=Stop().on_signals())
        except ValueError as error:
            raise CommandError(str(error)) from None
        _refuse_if_behind()
        relay.run()


def _refuse_if_behind() -> None:
    """After a restore nothing new would be delivered, and what is written meanwhile never."""
    try:
        with tenancy.system():
            behind = xidbase.standing("default").is_behind
    except OperationalError:
        return  # the lanes wait for the database, and say so
    if behind:
        raise CommandError("New events would come before old ones. Run `manage.py raise_xid_base` first.")
