"""`memory migrate [--check]`: is the index as it is declared, and what can be repaired is."""

from argparse import _SubParsersAction
from collections.abc import Callable
from typing import Any

from memory.actions import drift, generations
from memory.actions.drift import REINDEX
from memory.models import Generation
from memory.stores.weaviate.schema import Repair

FATE = {
    Repair.SET: "is set",
    Repair.ADD: "is added, and the index filled anew",
    Repair.ANEW: "is made anew",
    Repair.NONE: "cannot be changed as it stands",
    Repair.IDLE: "nobody minds",
}


def add(words: "_SubParsersAction[Any]") -> None:
    parser = words.add_parser("migrate", help="compare the index with its declaration, and repair what can be")
    parser.add_argument("--check", action="store_true", help="only say what differs; status 1 where something does")


def run(options: dict[str, Any], say: Callable[[str], None]) -> int:
    compared = drift.compare()
    for one in compared:
        say(str(one.generation))
        for found in one.drifts:
            say(f"  {found} ({FATE[found.repair]})")
    differ = [found for one in compared for found in one.drifts if found.repair is not Repair.IDLE]
    if options["check"]:
        return _checked(compared, differ, say)
    left = drift.repair(compared)
    if not compared:
        _tell_first(say)
    if left:
        say(f"{len(left)} cannot be changed as they stand. Run: {REINDEX}")
        return 1
    say("the index is as declared")
    return 0


def _checked(compared: list[Any], differ: list[Any], say: Callable[[str], None]) -> int:
    if not compared:
        say("there is no index yet; run: manage.py memory migrate")
        return 1
    if not differ:
        say("the index is as declared")
        return 0
    anew = any(found.repair is Repair.NONE for found in differ)
    say(f"{len(differ)} differ; run: {REINDEX if anew else 'manage.py memory migrate'}")
    return 1


def _tell_first(say: Callable[[str], None]) -> None:
    generations.verify()
    for begun in Generation.objects.all():
        say(f"begun: {begun.collection}, for {begun.expected:,} memories; the relay fills it, or: {REINDEX}")
