"""`manage.py statement`: what was asked for in some days and what became of it, as CSV or JSON, to the terminal or a file.

Exit codes: 0 done, 1 refused, 2 not understood.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera.flows.show_statement import show_statement, snapshot
from chimera.kernel.errors import Refused
from chimera.management.desk import acting, reaching
from commerce import sheets
from commerce.statements import Grouping

IN_MEMORY_BYTES = 1024 * 1024  # a larger statement waits on disk
CHUNK_CHARACTERS = 64 * 1024


class Command(BaseCommand):
    help = "A statement of the ledger: by tenant, campaign, agent and day, in the tenant's time zone."
    requires_system_checks: list[str] = []  # they need the servers, and say less plainly that these are away

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="NAME", help="the only one, where there is just one")
        parser.add_argument(
            "--group", type=_group, default=[Grouping.DAY], metavar="WORDS", help="such as campaign,day"
        )
        parser.add_argument("--from", type=_day, dest="first", metavar="DAY", help="the first of the month unless told")
        parser.add_argument("--to", type=_day, dest="last", metavar="DAY", help="included; today unless told")
        parser.add_argument("--format", choices=["csv", "json"], default="csv")
        parser.add_argument("--out", type=Path, metavar="FILE", help="there is none of it unless it is whole")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with reaching.postgresql(), self._read(options) as kept:
                self._write(kept, options["out"])
        except Refused as refusal:
            raise CommandError(refusal.detail) from None
        except BrokenPipeError:
            # Whoever read has enough; Python would complain once more when it closes what nobody reads.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise CommandError(f"{options['out']}: {error.strerror}") from None

    def _read(self, options: dict[str, Any]) -> IO[str]:
        """All of it, kept: whoever reads slowly holds no snapshot."""
        kept = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, mode="w+", newline="", encoding="utf-8")  # noqa: SIM115
        with snapshot(acting.house(options["tenant"]).id):
            statement = show_statement(first=options["first"], last=options["last"], group=options["group"])
            for piece in sheets.as_csv(statement) if options["format"] == "csv" else sheets.as_json(statement):
                kept.write(piece)
        kept.seek(0)
        return kept

    def _write(self, kept: IO[str], out: Path | None) -> None:
        if out is None:
            while piece := kept.read(CHUNK_CHARACTERS):
                self.stdout.write(piece, ending="")
            return
        with _whole(out) as file:
            shutil.copyfileobj(kept, file)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    """A file that takes its name when it is complete."""
    with tempfile.NamedTemporaryFile(
        "w", newline="", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            yield file
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


def _group(text: str) -> list[Grouping]:
    found = sheets.parse_group(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not of: {', '.join(Grouping)}")
    return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day; write 2026-03-01") from None
