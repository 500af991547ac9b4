"""What takes longest begins first, and every test is dealt once (tests/turns.py)."""

import pytest

from tests.architecture.tree import ROOT
from tests.turns import LONG, dealt

QUICK = [f"tests/commerce/test_{number}.py::test_it" for number in range(200)]


@pytest.mark.parametrize("path", LONG)
def test_what_is_called_long_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_share_begins_with_what_is_long_and_nothing_is_lost(workers: int) -> None:
    names = [*QUICK, *(f"{path}::test_{number}" for path in LONG for number in range(3))]
    turns = dealt(names, names, workers)
    assert sorted(turns) == sorted(names)
    left = turns
    for number in range(workers):
        share, left = left[: len(left) // (workers - number)], left[len(left) // (workers - number) :]
        assert share[0].startswith(LONG[number])
        long = [name for name in share if name.startswith(LONG)]
        assert share[: len(long)] == long


def test_without_anything_long_the_order_stays() -> None:
    assert dealt(QUICK, QUICK, 3) == QUICK
