"""Options that say which tasks, with the names that the API's filter has."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.utils.dateparse import parse_datetime

from chimera.kernel import clock
from chimera.kernel.identity import AGENT_ROLES
from swarm.selection import TaskFilter
from swarm.states import TaskStatus

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_filters(parser: CommandParser, *, status: bool = True) -> None:
    which = parser.add_argument_group("which tasks")
    which.add_argument("--session", type=an_id, metavar="ID")
    which.add_argument("--campaign", type=an_id, metavar="ID")
    if status:
        which.add_argument("--status", choices=[str(s) for s in TaskStatus])
    which.add_argument("--type", default="", metavar="NAME")
    which.add_argument("--role", default="", choices=[str(r) for r in sorted(AGENT_ROLES)])
    which.add_argument("--error-code", default="", metavar="CODE")
    which.add_argument("--created-after", type=moment, metavar="TIME", help="2026-03-01T08:00, or 2h for two hours ago")
    which.add_argument("--created-before", type=moment, metavar="TIME")


def chosen(options: dict[str, Any], *, status: TaskStatus | None = None) -> TaskFilter:
    said = options.get("status")
    return TaskFilter(
        session=options["session"],
        campaign=options["campaign"],
        status=status or (TaskStatus(said) if said else None),
        type=options["type"],
        role=options["role"],
        error_code=options["error_code"],
        created_after=options["created_after"],
        created_before=options["created_before"],
    )


def names_any(options: dict[str, Any]) -> bool:
    return chosen(options) != TaskFilter()


def an_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no id; an id looks like 0190a6b2-7c1e-7d3a-9f00-1234567890ab") from None


def moment(text: str) -> datetime:
    """An ISO time (UTC unless it says otherwise), or how long ago."""
    if ago := _AGO.fullmatch(text):
        return clock.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no time; write 2026-03-01T08:00, or 90s, 30m, 2h, 3d for as long ago")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def whole(least: int, most: int) -> Any:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return number
