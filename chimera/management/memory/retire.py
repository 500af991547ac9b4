"""`memory retire`: give the index up. PostgreSQL answers searches; nothing is noted for an index any more."""

from argparse import _SubParsersAction
from collections.abc import Callable
from typing import Any

from memory.actions import generations
from memory.stores.weaviate.wire import is_configured


def add(words: "_SubParsersAction[Any]") -> None:
    words.add_parser("retire", help="give the index up, after WEAVIATE_URL was taken away")


def run(options: dict[str, Any], say: Callable[[str], None]) -> int:
    if is_configured():
        say("WEAVIATE_URL is set: the relay would begin the index again. Take it away first.")
        return 1
    say(f"given up: {generations.retire()} collections, which stay where they are; nothing is noted any more")
    return 0
