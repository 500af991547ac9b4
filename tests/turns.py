"""Whose turn it is: what takes longest begins first, so that no worker is left alone with it at the end.

Under `--dist worksteal` each worker begins with an equal share of the list, one after another, and who has nothing left takes half of
what another has yet to do, from the end. So each share begins with files of which a single test, or what its tests stand on,
takes ten seconds and more.
"""

from collections.abc import Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# By what they took on two idle cores, longest first (`make test ARGS=--durations=50`).
LONG = (
    "tests/processes/test_drill.py",
    "tests/kernel/test_migrations.py",
    "tests/races/test_decision_deaths.py",
    "tests/processes/test_up.py",
    "tests/processes/test_kills.py",
    "tests/swarm/engine/test_engine_model.py",
    "tests/swarm/engine/test_engine_defects.py",
    "tests/browser/",
    "tests/processes/test_agent_kills.py",
    "tests/races/test_group_deaths.py",
    "tests/swarm/test_big_trees.py",
    "tests/races/test_deaths.py",
    "tests/races/test_action_deaths.py",
    "tests/races/test_money_deaths.py",
    "tests/live/test_in_browser.py",
)


def dealt(tests: Sequence[T], names: Sequence[str], workers: int) -> list[T]:
    """The tests with these names (`path::name`), in the order in which they are to be shared out among so many workers."""
    long: list[list[T]] = [[] for _ in LONG]
    quick = []
    for test, name in zip(tests, names, strict=True):
        number = next((number for number, start in enumerate(LONG) if name.startswith(start)), None)
        (quick if number is None else long[number]).append(test)
    hands: list[list[T]] = [[] for _ in range(workers)]
    for turn, file in enumerate(filter(None, long)):
        hands[turn % workers] += file
    turns: list[T] = []
    left = iter(quick)
    for number, hand in enumerate(hands):
        share = (len(tests) - len(turns)) // (workers - number)
        turns += [*hand, *islice(left, max(0, share - len(hand)))]
    return [*turns, *left]
