"""`memory retire [--drop | --gone]`: give the index up. PostgreSQL answers searches; nothing is noted for an index any more.

Its collections stay on their server, with their texts, and erasures wait for them: `--drop` drops them there, and `--gone` says that
there is no such server any more."""

from argparse import _SubParsersAction
from collections.abc import Callable
from typing import Any

from memory.actions import generations, leftovers
from memory.stores.weaviate.wire import is_configured


def add(words: "_SubParsersAction[Any]") -> None:
    parser = words.add_parser("retire", help="give the index up, after WEAVIATE_URL was taken away")
    rest = parser.add_mutually_exclusive_group()
    rest.add_argument(
        "--drop", action="store_true", help="drop what was given up, from the server that WEAVIATE_URL names"
    )
    rest.add_argument("--gone", action="store_true", help="say that what was given up is gone with its server")


def run(options: dict[str, Any], say: Callable[[str], None]) -> int:
    if options["drop"]:
        return _drop(say)
    if options["gone"]:
        say(f"gone, as you say: {', '.join(leftovers.declare_gone()) or 'nothing was given up'}")
        return 0
    if is_configured():
        say("WEAVIATE_URL is set: the relay would begin the index again. Take it away first.")
        return 1
    given_up = generations.retire()
    say(f"given up: {given_up} collections, which stay where they are; nothing is noted any more")
    if given_up:
        say(
            "erasures wait for them: WEAVIATE_URL=… manage.py memory retire --drop; or, when the server is no more, --gone"
        )
    return 0


def _drop(say: Callable[[str], None]) -> int:
    if not is_configured():
        say("WEAVIATE_URL is not set: name the server that has them, for this call alone.")
        return 1
    say(f"dropped: {', '.join(leftovers.drop()) or 'there was nothing that no generation names'}")
    return 0
