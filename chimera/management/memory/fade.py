"""`memory fade`: let go of what has faded now, or say what would go."""

from argparse import _SubParsersAction
from collections.abc import Callable
from typing import Any

from chimera.kernel import tenancy
from chimera.management.desk import acting
from memory import actions
from memory.actions import policies
from memory.limits import FADED_AT_ONCE

SAID_CHARACTERS_MAX = 100


def add(words: "_SubParsersAction[Any]") -> None:
    word = words.add_parser(
        "fade", help="let go of what has faded under a tenant's policy, as the worker does each hour"
    )
    word.add_argument("--tenant", metavar="NAME", help="the only one, where there is just one")
    word.add_argument("--dry-run", action="store_true", help="say what would go, and leave it")


def run(options: dict[str, Any], say: Callable[[str], None]) -> int:
    house = acting.house(options["tenant"]).id
    if options["dry_run"]:
        with tenancy.bound(house):
            seen = actions.preview_fading(policies.fading_of(policies.standing()))
        say(f"would fade: {seen.number} memories ({_counted(seen.categories)})")
        for memory in seen.shown:
            if memory.visibility != "agent":
                say(
                    f"  {memory.importance_score:.2f}  {memory.seen_at:%Y-%m-%d}  {memory.content[:SAID_CHARACTERS_MAX]}"
                )
        return 0
    total, faded = 0, FADED_AT_ONCE
    while faded == FADED_AT_ONCE:
        with tenancy.bound(house):
            faded = actions.fade()
        total += faded
    say(f"faded: {total} memories")
    return 0


def _counted(categories: dict[str, int]) -> str:
    return ", ".join(f"{number} {category}" for category, number in categories.items()) or "none of any category"
