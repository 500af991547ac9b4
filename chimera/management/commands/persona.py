"""`manage.py persona add|list|show|retire`: a tenant's personas, from SOUL.md files.

Exit codes: 0 done, 1 refused, 2 not understood.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chimera.kernel import clock, redis, tenancy
from chimera.kernel.errors import Refused
from chimera.management.desk import acting, reaching
from memory import shapes
from memory.actions import personas
from memory.limits import SOUL_BYTES_MAX
from memory.models import Persona
from memory.personas import soul

LISTED_MAX = 1_000


class Command(BaseCommand):
    help = "Personas: add a SOUL.md, list them, show a version, retire one."
    requires_system_checks: list[str] = []  # they need the servers, and say less plainly that these are away

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="NAME", help="the only one, where there is just one")
        parser.add_argument(
            "--as", dest="username", metavar="USERNAME", help="the only operator or admin, where there is just one"
        )
        parser.add_argument("--json", action="store_true", help="for programs")
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="make a SOUL.md the current version of its persona")
        add.add_argument("file", metavar="FILE", help="or - for what is piped in")
        verbs.add_parser("list", help="ids, versions and names")
        show = verbs.add_parser("show", help="a version as a SOUL.md")
        show.add_argument("id", metavar="ID")
        show.add_argument("--number", type=int, metavar="N", help="the current version unless told")
        show.add_argument("--against", type=int, metavar="N", help="what is different from that version instead")
        retire = verbs.add_parser("retire", help="no context begins with it any more")
        retire.add_argument("id", metavar="ID")
        retire.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        text = _read(options["file"]) if options["verb"] == "add" else ""
        try:
            with reaching.postgresql():
                house = acting.house(options["tenant"])
                by = acting.operator(house, options["username"]) if options["verb"] in {"add", "retire"} else None
                with tenancy.bound(house.id):
                    said = self._do(options, text, by)
        except Refused as refusal:
            faults = [f"  {error['message']}" for error in refusal.errors[1:]]
            raise CommandError("\n".join([refusal.detail, *faults])) from None
        if by is not None:
            redis.nudge()
        self.stdout.write(said)

    def _do(self, options: dict[str, Any], text: str, by: Any) -> str:
        match options["verb"]:
            case "add":
                version, is_new = personas.add(text=text, by=by)
                shown = shapes.persona(version.persona, version)
                told = f"{shown['id']}: version {shown['version']} {'added' if is_new else 'is current, as before'}, {shown['sha256']}"
                marks = [
                    f"  line {c['line']}: “{c['phrase']}” contradicts honesty, which outranks it"
                    for c in shown["contradictions"]
                ]
            case "retire":
                row = personas.retire(key=options["id"], reason=options["reason"], by=by)
                shown, told, marks = {"id": row.key}, f"{row.key}: retired", []
            case "list":
                rows = list(Persona.objects.order_by("key")[:LISTED_MAX])
                lines = [f"{r.key}: version {r.current}, {r.name}{_retired(r)}" for r in rows]
                as_json = [json.dumps({"id": r.key, "version": r.current, "name": r.name}) for r in rows]
                return "\n".join(as_json if options["json"] else lines)
            case _:
                return _shown(options)
        return json.dumps(shown, default=str) if options["json"] else "\n".join([told, *marks])


def _shown(options: dict[str, Any]) -> str:
    row = Persona.objects.get_or_refuse(options["id"])
    version = personas.version_of(row, options["number"])
    against = personas.version_of(row, options["against"]) if options["against"] is not None else None
    if options["json"]:
        return json.dumps(shapes.persona(row, version, against=against), default=str)
    if against:
        return personas.difference(row, against, version)
    return soul.written(personas.soul_of(row, version)).rstrip("\n")


def _retired(row: Persona) -> str:
    return f", retired at {clock.written(row.retired_at)}" if row.retired_at else ""


def _read(name: str) -> str:
    """Not more of it than a SOUL.md may have, and a little."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            return file.read(SOUL_BYTES_MAX + 1).decode("utf-8")
    except OSError as fault:
        raise CommandError(f"{name}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name} is not UTF-8; save it as UTF-8.") from None
