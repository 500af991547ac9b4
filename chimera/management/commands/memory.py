"""`manage.py memory migrate|reindex|status|retire|fade`: the index beside PostgreSQL, made, checked, filled anew, given up; and what
fades by policy."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.kernel.errors import Refused
from chimera.management.memory import fade, migrate, reindex, retire, status
from memory.actions.indexing import Busy
from memory.stores.weaviate.wire import IndexAway, is_configured

WORDS = {"migrate": migrate, "reindex": reindex, "status": status, "retire": retire, "fade": fade}
TURN_SECONDS = 30.0  # a batch of the relay takes one at most
PAUSE_SECONDS = 0.05
OF_THE_INDEX = {"migrate", "reindex"}  # which have nothing to do where there is none


class Command(BaseCommand):
    help = "Memory's index and upkeep; PostgreSQL keeps the truth, and none of this can lose any of it."
    requires_system_checks: list[str] = []  # one of them is what is repaired here

    def add_arguments(self, parser: CommandParser) -> None:
        words = parser.add_subparsers(dest="word", required=True)
        for word in WORDS.values():
            word.add(words)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["word"] in OF_THE_INDEX and not is_configured():
            self.stdout.write("PostgreSQL is the index (WEAVIATE_URL is not set); there is nothing to do")
            return
        try:
            status = self._when_it_is_our_turn(options)
        except Refused as refusal:
            raise CommandError(refusal.detail) from None
        except IndexAway as away:
            raise CommandError(
                f"Weaviate is away ({away}); searches go on in PostgreSQL, and nothing is lost"
            ) from None
        if status:
            raise SystemExit(status)

    def _when_it_is_our_turn(self, options: dict[str, Any]) -> int:
        deadline = time.monotonic() + TURN_SECONDS
        while True:
            try:
                return int(WORDS[options["word"]].run(options, self._say))
            except Busy:
                if time.monotonic() > deadline:
                    raise CommandError("somebody else is writing to the index all the time; try again") from None
                time.sleep(PAUSE_SECONDS)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
