"""Groups that race for one budget, each as in a web process of its own: never a cent over, with a control for each guard."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from chimera.flows.spend_many import Answered, Asked, Capture, Spend, Void
from chimera.flows.spend_together import spend_together
from commerce.actions import booking
from commerce.actions.desk import Desk
from commerce.models import SpendWindow
from tests.cast import Caller, Stage
from tests.commerce.books import check_books
from tests.races.test_spend import (
    GRANTED,
    SPENDERS,
    spenders,
    statuses,
    watched,
    without_the_databases_rule,
)
from tests.races.threads import at_once

__all__ = ["spenders"]
GROUPS = 5
Pair = tuple[Caller, dict[str, Any]]


def asked(pair: Pair, what: Spend | Capture | Void | str) -> Asked:
    """An amount is a spend of it."""
    caller, claim = pair
    if isinstance(what, str):
        what = Spend(task_id=UUID(claim["task"]["id"]), amount_usd=Decimal(what), asset_symbol="USD")
    return Asked(
        what=what, lease_token=UUID(claim["lease_token"]), agent_id=UUID(caller.id), by=caller.actor, trace="1" * 32
    )


def in_groups(acme: Stage, pairs: Sequence[Pair], amount: str) -> list[Callable[[], list[Answered | None]]]:
    asks = [asked(pair, amount) for pair in pairs]
    return [lambda part=asks[n::GROUPS]: spend_together(acme.tenant_id, part) for n in range(GROUPS)]  # type: ignore[misc]


def counted(groups: Sequence[list[Answered | None]]) -> Counter[int | None]:
    return Counter(one.status if one else None for group in groups for one in group)


def test_groups_that_race_for_the_last_dollar_never_go_a_cent_over(acme: Stage, spenders: list[Pair]) -> None:
    acme.budget(day_usd="1.00")
    spenders[0][0].spend(spenders[0][1], "0.07").ok(201)
    with watched(acme.tenant_id) as over:
        answers = at_once(in_groups(acme, spenders[1:], "0.07"))
    assert counted(answers) == {201: GRANTED - 1, 402: SPENDERS - GRANTED}
    assert over == []
    check_books(acme)


def test_groups_and_doors_that_race_together_never_go_a_cent_over(acme: Stage, spenders: list[Pair]) -> None:
    acme.budget(day_usd="1.00")
    acme.budget(scope="session", scope_id=spenders[0][1]["task"]["session"], total_usd="50")
    spenders[0][0].spend(spenders[0][1], "0.07").ok(201)
    doors = [lambda pair=pair: pair[0].spend(pair[1], "0.07") for pair in spenders[1::2]]
    with watched(acme.tenant_id) as over:
        answers = at_once([*in_groups(acme, spenders[2::2], "0.07"), *doors])
    together = counted(answers[:GROUPS]) + statuses(answers[GROUPS:])
    assert together == {201: GRANTED - 1, 402: SPENDERS - GRANTED}
    assert over == []
    check_books(acme)


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The first guard off: all groups have decided before the first of them writes."""

    def off() -> None:
        decided, write = threading.Barrier(GROUPS), Desk.write
        monkeypatch.setattr(booking, "_LOCK_WINDOWS", booking._LOCK_WINDOWS.replace("FOR NO KEY UPDATE", ""))

        def together(desk: Desk, *also: Any) -> None:
            decided.wait(30)
            write(desk, *also)

        monkeypatch.setattr(Desk, "write", together)

    return off


def test_control_groups_that_do_not_lock_overshoot(
    acme: Stage, spenders: list[Pair], unlocked: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = acme.budget(day_usd="1.00")
    spenders[0][0].spend(spenders[0][1], "0.07").ok(201)
    unlocked()
    monkeypatch.setattr(booking, "_MOVE", booking._MOVE.replace(booking._PERMITS, "true"))
    with without_the_databases_rule(), watched(acme.tenant_id) as over:
        answers = at_once(in_groups(acme, spenders[1 : GROUPS + 1], "0.40"))
        with acme.bound():
            held = SpendWindow.objects.get(budget_id=budget["id"], kind="day").held_usd
    assert counted(answers) == {201: GROUPS}
    assert held == Decimal("2.07")
    assert over != []


def test_without_the_locks_the_update_judges_and_its_group_is_left(
    acme: Stage, spenders: list[Pair], unlocked: Callable[[], None]
) -> None:
    acme.budget(day_usd="1.00")
    spenders[0][0].spend(spenders[0][1], "0.07").ok(201)
    unlocked()
    with without_the_databases_rule(), watched(acme.tenant_id) as over:
        answers = at_once(in_groups(acme, spenders[1 : GROUPS + 1], "0.40"))
    assert counted(answers) == {201: 2, None: GROUPS - 2}
    assert over == []
    check_books(acme)


def test_a_hold_is_settled_once_whoever_comes_at_once(acme: Stage, spenders: list[Pair]) -> None:
    """A capture in one group, a void in another, a capture at the door."""
    acme.budget(day_usd="100")
    outcomes: Counter[str] = Counter()
    for pair in spenders[:10]:
        caller, claim = pair
        hold = UUID(caller.spend(claim, "1").ok(201)["id"])
        ends = [Capture(transaction_id=hold), Void(transaction_id=hold)]
        groups = [lambda what=what, pair=pair: spend_together(acme.tenant_id, [asked(pair, what)]) for what in ends]
        door = [
            lambda hold=hold, pair=pair: pair[0].post(
                f"transactions/{hold}/capture", {"lease_token": pair[1]["lease_token"]}
            )
        ]
        *ended, said = at_once([*groups, *door])
        settled = {one.body["status"] for (one,) in ended if one} | ({said["status"]} if said.status == 200 else set())
        assert len(settled) == 1, (ended, said)
        outcomes.update(settled)
    assert outcomes.total() == 10
    check_books(acme)


def test_once_a_lower_limit_is_answered_no_group_passes_above_it(acme: Stage, spenders: list[Pair]) -> None:
    budget = acme.budget(day_usd="100")
    spenders[0][0].spend(spenders[0][1], "0.07").ok(201)

    def lower() -> Any:
        return Caller(acme.fay.secret).patch(f"budgets/{budget['id']}", {"day_usd": "0.70"})

    answers = at_once([lower, *in_groups(acme, spenders[1:], "0.07")])
    answers[0].ok()
    granted = counted(answers[1:])[201] + 1
    with acme.bound():
        window = SpendWindow.objects.get(kind="day")
    assert (window.limit_usd, window.held_usd) == (Decimal("0.70"), granted * Decimal("0.07"))
    after = counted([spend_together(acme.tenant_id, [asked(spenders[1], "0.71")])])
    assert after == {402: 1}
    check_books(acme)
