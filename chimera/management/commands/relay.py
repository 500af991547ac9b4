"""`manage.py relay [--lanes redis,memory,clock]`: read the event log and do the late work, until SIGTERM."""

from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from chimera.kernel import serving, tenancy, xidbase
from chimera.kernel.loop import Stop
from chimera.kernel.relay.run import Relay

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Runs the event log's lanes. Start two for failover: one leads each lane, the other waits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lanes", default="", help="comma-separated; every lane by default")

    def handle(self, *args: Any, **options: Any) -> None:
        lanes = [name.strip() for name in options["lanes"].split(",") if name.strip()]
        stop = Stop().on_signals()
        try:
            relay = Relay(lanes, stop=stop)
        except ValueError as error:
            raise CommandError(str(error)) from None
        _refuse_unsafe_login(stop)
        _refuse_if_behind()
        relay.run()


def _refuse_unsafe_login(stop: Stop) -> None:
    """Waits for the database as long as it takes."""
    while not stop:
        try:
            serving.refuse_unsafe_login()
            return
        except ImproperlyConfigured as refusal:
            raise CommandError(str(refusal)) from None
        except OperationalError as error:
            log.warning("database_away", error=str(error).strip())
            stop.wait(serving.PAUSE_SECONDS)


def _refuse_if_behind() -> None:
    """After a restore nothing new would be delivered, and what is written meanwhile never."""
    try:
        with tenancy.system():
            behind = xidbase.standing("default").is_behind
    except OperationalError:
        return  # the lanes wait for the database, and say so
    if behind:
        raise CommandError("New events would come before old ones. Run `manage.py raise_xid_base` first.")
