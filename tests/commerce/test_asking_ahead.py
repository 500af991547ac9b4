"""A lease asks for money before it costs any: so much is held for it, or it does not begin."""

import pytest

from tests.cast import Stage
from tests.commerce.books import at_work, check_books, spent
from tests.commerce.meters import END, beat, ledger


def test_a_lease_may_ask_before_it_costs_anything_and_then_nothing_is_too_much(acme: Stage) -> None:
    budget = acme.budget(day_usd="0.50")
    first, second, third = (at_work(acme) for _ in range(3))
    assert beat(acme.ada, first, "0", ahead_usd="0.30").ok()["commands"] == []
    beat(acme.ada, first, "0", ahead_usd="0.30").ok()
    assert ledger(acme) == [("held", "0.30", "0.00", None)]
    refused = beat(acme.ada, second, "0", ahead_usd="0.30").ok()
    assert (refused["commands"], refused["reason"]) == (["stop"], "budget_exceeded")
    assert acme.ada.finish(first, cost_usd="0.30").ok()["outcome"] == "completed"
    beat(acme.ada, third, "0", ahead_usd="0.20").ok()
    assert acme.ada.finish(third).ok()["outcome"] == "completed"
    assert ledger(acme) == [
        ("captured", "0.30", "0.30", "0.30"),
        ("denied", "0.30", "0.00", None),
        ("voided", "0.20", "0.00", None),
    ]
    assert spent(acme, budget) == ("0.00", "0.30", "0.20")
    check_books(acme)


def test_however_many_tasks_ask_first_a_budget_is_never_exceeded(acme: Stage) -> None:
    """One after the other, each of which would cost half of it: the third does not begin."""
    acme.budget(total_usd="0.50")
    begun = 0
    for _ in range(6):
        claim = at_work(acme)
        if not beat(acme.ada, claim, "0", ahead_usd="0.25").ok()["commands"]:
            begun += 1
            acme.ada.finish(claim, cost_usd="0.25").ok()
    assert begun == 2
    assert [row[0] for row in ledger(acme)] == ["captured"] * 2 + ["denied"] * 4
    check_books(acme)


@pytest.mark.parametrize("end", ["failed", "cancelled", "lapsed", "killed"])
def test_what_was_held_ahead_of_nothing_is_free_however_the_lease_ends(acme: Stage, end: str) -> None:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    beat(acme.ada, claim, "0", ahead_usd="4").ok()
    END[end](acme, claim)
    assert ledger(acme) == [("voided", "4.00", "0.00", None)]
    assert spent(acme, budget) == ("0.00", "0.00", "10.00")
    check_books(acme)


def test_what_is_held_ahead_is_said_anew_with_each_beat_and_never_shrinks(acme: Stage) -> None:
    acme.budget(day_usd="10")
    claim = at_work(acme)
    beat(acme.ada, claim, "0", ahead_usd="1").ok()
    beat(acme.ada, claim, "0.50", ahead_usd="2").ok()
    assert ledger(acme) == [("held", "2.50", "0.50", None)]
    beat(acme.ada, claim, "0.60").ok()
    assert ledger(acme) == [("held", "2.50", "0.60", None)]
    for bad, code in (("0", "invalid"), ("-1", "invalid"), ("x", "invalid_money")):
        beat(acme.ada, claim, "0.60", ahead_usd=bad).refused(422, code)
