"""A replay of what was, under other rules. No database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chimera.kernel.ids import uuid7
from commerce.replay import ASKED, DIFFERENCES_MAX, PASSED, Past, Replay
from commerce.rules import parse

START = datetime(2026, 11, 1, 9, tzinfo=UTC)


def past(minute: int, amount: str = "1", **more: Any) -> Past:
    known: dict[str, Any] = {
        "id": uuid7(),
        "at": START + timedelta(minutes=minute),
        "amount_usd": Decimal(amount),
        "counts_usd": Decimal(amount),
        "payee": "render.example",
        "category": "render",
        "asset_symbol": "USD",
        "was": PASSED,
        "ours": True,
    }
    return Past(**(known | more))


def replayed(rules: dict[str, Any], *rows: Past, threshold: str | None = None) -> Replay:
    replay = Replay(parse(rules), Decimal(threshold) if threshold else None)
    for row in rows:
        replay.add(row)
    return replay


def counts(replay: Replay) -> dict[tuple[str, str], tuple[int, Decimal]]:
    return {pair: (figures.count, figures.amount_usd) for pair, figures in replay.outcomes.items()}


def test_without_rules_everything_stays_as_it_was() -> None:
    replay = replayed({}, past(0), past(1, was="budget_exceeded"), past(2, was=ASKED, ours=False))
    assert counts(replay) == {
        (PASSED, PASSED): (1, Decimal(1)),
        ("budget_exceeded", "budget_exceeded"): (1, Decimal(1)),
        (ASKED, ASKED): (1, Decimal(1)),
    }
    assert replay.differences == []


def test_a_new_list_refuses_what_passed() -> None:
    replay = replayed({"payees": {"allowed": ["else.example"]}}, past(0, "2"), past(1, payee="else.example"))
    assert counts(replay) == {(PASSED, "payee_denied"): (1, Decimal(2)), (PASSED, PASSED): (1, Decimal(1))}
    (difference,) = replay.differences
    assert (difference.would_be, difference.rule) == ("payee_denied", "payees.allowed")


def test_what_our_rules_refused_may_pass_and_what_others_refused_stays_refused() -> None:
    replay = replayed(
        {},
        past(0, was="payee_denied"),
        past(1, was="payee_denied", ours=False),
        past(2, was="no_budget"),
        past(3, was="budget_exceeded"),
    )
    assert set(replay.outcomes) == {
        ("payee_denied", PASSED),
        ("payee_denied", "payee_denied"),
        ("no_budget", "no_budget"),
        ("budget_exceeded", "budget_exceeded"),
    }


def test_velocity_counts_a_sliding_hour_of_what_the_replay_lets_pass() -> None:
    rules = {"velocity": {"count_per_hour": 2}}
    replay = replayed(rules, past(0), past(20), past(40), past(59), past(60), past(79), past(80))
    assert counts(replay) == {
        (PASSED, PASSED): (4, Decimal(4)),
        (PASSED, "velocity_exceeded"): (3, Decimal(3)),
    }
    assert [d.past.at.minute for d in replay.differences] == [40, 59, 19]


def test_velocity_of_amounts_counts_what_is_still_counted() -> None:
    rules = {"velocity": {"amount_usd_per_hour": "5"}}
    given_back = past(1, "4", counts_usd=Decimal(0))
    replay = replayed(rules, past(0, "3"), given_back, past(2, "2"), past(3, "0.01"), past(61, "3"))
    assert [(d.past.amount_usd, d.rule) for d in replay.differences] == [
        (Decimal(4), "velocity.amount_usd_per_hour"),
        (Decimal("0.01"), "velocity.amount_usd_per_hour"),
    ]


def test_tiers_ask_people_and_the_threshold_counts_as_one() -> None:
    rules = {"approvals": [{"above_usd": "5", "approvers": 2}]}
    replay = replayed(rules, past(0, "6"), past(1, "4"), past(2, "6", was=ASKED), threshold="3")
    assert set(replay.outcomes) == {(PASSED, ASKED), (ASKED, ASKED)}
    assert set(replayed({}, past(0, "6", was=ASKED)).outcomes) == {(ASKED, PASSED)}


def test_the_first_fifty_differences_are_kept_and_all_are_counted() -> None:
    replay = replayed({"assets": {"denied": ["USD"]}}, *(past(minute) for minute in range(DIFFERENCES_MAX + 10)))
    assert len(replay.differences) == DIFFERENCES_MAX
    assert counts(replay) == {(PASSED, "asset_denied"): (60, Decimal(60))}
    assert replay.differences[0].past.at == START
