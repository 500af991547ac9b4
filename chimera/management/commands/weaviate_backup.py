"""`manage.py weaviate_backup make|list|restore`: the search index, saved and brought back by Weaviate itself."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.management import index_backups
from chimera.management.desk import reaching
from chimera.management.index_backups import BackupFailed

LINE_SECONDS = 5.0  # between two lines of progress


class Command(BaseCommand):
    help = "Backups of the search index by Weaviate's own module; PostgreSQL, which has everything, is backed up by its own tools."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="make | list | restore")
        make = verbs.add_parser("make", help="searches go on meanwhile, new memories wait in PostgreSQL")
        make.add_argument(
            "name", nargs="?", default="", help="small letters, digits, _ and -; one with the time if not given"
        )
        restore = verbs.add_parser("restore", help="searches use PostgreSQL meanwhile; new memories wait there")
        restore.add_argument("name")
        restore.add_argument("--replace", action="store_true", help="drop what is there now")
        for verb in (make, restore, verbs.add_parser("list", help="newest first")):
            verb.add_argument("--backend", default="filesystem", help="another module of your own server, such as s3")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.WEAVIATE_URL:
            raise CommandError("no Weaviate is used: WEAVIATE_URL is not set, and `make up` started none")
        self._told_at = time.monotonic()
        try:
            with reaching.postgresql():
                self._run(options)
        except BackupFailed as failure:
            raise CommandError(str(failure)) from None

    def _run(self, options: dict[str, Any]) -> None:
        backend = options["backend"]
        match options["verb"]:
            case "make":
                made = index_backups.make(options["name"], backend=backend, tell=self._tell)
                self.stdout.write(f"made {made['id']}: {made['path']}")
            case "restore":
                index_backups.restore(options["name"], backend=backend, replace=options["replace"], tell=self._tell)
                self.stdout.write(f"restored {options['name']}")
            case _:
                for backup in index_backups.known(backend=backend):
                    size = f"{backup.get('size') or 0:.3f} GiB"
                    self.stdout.write(f"{backup['id']}  {backup.get('startedAt')}  {backup['status']}  {size}")

    def _tell(self, line: str) -> None:
        if time.monotonic() - self._told_at >= LINE_SECONDS:
            self._told_at = time.monotonic()
            self.stdout.write(line)
