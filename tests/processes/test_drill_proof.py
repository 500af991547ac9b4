"""What a drill has seen decides its exit code: a limit or books that were broken are more than a drill that proved nothing."""

from decimal import Decimal

import pytest

from chimera.management.drill.plan import Plan
from chimera.management.drill.proof import BROKEN, UNPROVEN, Result
from chimera.management.drill.tally import Counts
from chimera.management.drill.watch import Breach, Peak, Seen

DIFFER = Breach(1.0, "a window", "window and ledger differ", Decimal(10), Decimal(5), Decimal(4))


def result(seen: Seen, *, naive: bool = False) -> Result:
    plan = Plan(processes=3, holds=20, seconds=48, naive=naive)
    return Result(plan, [], seen, Counts(), {}, [], [], killed=3, left_open=0, reconciled=0)


def test_windows_and_ledger_that_differ_in_one_sample_are_broken() -> None:
    found = result(Seen(samples=100, broken=1, breaches=[DIFFER]))
    assert found.code == BROKEN
    assert found.verdict == "THE BOOKS WERE BROKEN: in 1 of 100 samples windows and ledger differed."
    failed = next(check for check in found.checks if not check.passed)
    assert failed.what.startswith("windows and ledger say the same")


def test_an_overshoot_is_broken_and_its_amount_is_said() -> None:
    peak = Peak("tenant", "day", "2026-11-21", Decimal(10), Decimal(12), Decimal(2))
    found = result(Seen(samples=100, broken=1, breaches=[DIFFER], peaks={"a window": peak}))
    assert (found.code, found.verdict) == (BROKEN, "A LIMIT WAS BROKEN, by 2.00 USD.")


@pytest.mark.parametrize("naive", [False, True])
def test_a_drill_that_saw_nothing_proves_nothing(naive: bool) -> None:
    assert result(Seen(samples=100), naive=naive).code == UNPROVEN


def test_a_control_that_overshot_nothing_was_blind_whatever_the_books_say() -> None:
    assert result(Seen(samples=100, broken=1, breaches=[DIFFER]), naive=True).code == UNPROVEN
