"""A card's time: reminders, once each; then another role is asked; then it fails closed, and its session is told."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from chimera.flows import remind_cards as sweep
from chimera.flows.expire_cards import expire_cards
from chimera.flows.remind_cards import remind_cards
from chimera.kernel import clock
from safety.actions import waiting
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, spent, task_row
from tests.safety.acts import propose

MAIL = {"subjects": ["action"], "tools": ["publish"]}
DUE = {"minutes": 60, "remind_minutes": [30, 10], "escalate_minutes": 20, "escalate_to": "operator"}


def policy(acme: Stage, *rules: dict[str, Any]) -> None:
    acme.boss.post("policies", {"name": "house", "rules": list(rules), "status": "enforced"}).ok(201)


def rule(due: dict[str, Any] | None, then: str = "review", **when: Any) -> dict[str, Any]:
    return {"name": f"r{len(str(when))}", "when": when or MAIL, "then": then} | ({"due": due} if due else {})


def waiting_card(acme: Stage, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    claim = at_work(acme)
    action = propose(acme, claim, **more).ok(201)
    return claim, acme.rita.get(f"reviews/{action['review']}").ok().body


def at(card: dict[str, Any], minutes_before: float) -> Any:
    return clock.held(datetime.fromisoformat(card["due_at"]) - timedelta(minutes=minutes_before))


def told(acme: Stage, claim: dict[str, Any]) -> Counter[str]:
    events = acme.pia.get(f"sessions/{claim['task']['session']}/events", limit="100").ok()["results"]
    return Counter(event["type"] for event in events)


def minutes_of(card: dict[str, Any]) -> int:
    waits = datetime.fromisoformat(card["due_at"]) - datetime.fromisoformat(card["created_at"])
    return round(waits.total_seconds() / 60)


# ------------------------------------------------------------------ how long


def test_without_a_rule_a_card_waits_as_long_as_any(acme: Stage) -> None:
    policy(acme, rule(None))
    assert minutes_of(waiting_card(acme)[1]) == settings.CARD_DUE / timedelta(minutes=1)


def test_the_shortest_time_of_the_rules_that_ask_counts(acme: Stage) -> None:
    policy(
        acme, rule({"minutes": 90}), rule({"minutes": 45}, subjects=["action"]), rule({"minutes": 5}, tools=["other"])
    )
    assert minutes_of(waiting_card(acme)[1]) == 45


def test_a_rule_that_allows_gives_the_time_to_what_its_budget_asks(acme: Stage) -> None:
    """A time for every spend, without a person for every spend."""
    policy(acme, rule({"minutes": 30}, "allow", subjects=["spend"]))
    acme.budget(day_usd="50", approval_threshold_usd="5")
    claim = at_work(acme)
    acme.ada.spend(claim, "3").ok(201)
    card = acme.rita.get(f"reviews/{acme.ada.spend(claim, '8').ok(202)['review']}").ok()
    assert minutes_of(card.body) == 30


def test_results_have_times_too(acme: Stage) -> None:
    policy(acme, rule({"minutes": 15}, subjects=["result"]))
    review = acme.ada.finish(at_work(acme), 0.99).ok()["review"]
    assert minutes_of(acme.rita.get(f"reviews/{review}").ok().body) == 15


@pytest.mark.parametrize(
    ("due", "place"),
    [
        ({"minutes": 0}, "due.minutes"),
        ({"minutes": 10_081}, "due.minutes"),
        ({"minutes": "60"}, "due.minutes"),
        ({"remind_minutes": [5]}, "due.minutes"),
        ({"minutes": 60, "remind_minutes": [60]}, "due"),
        ({"minutes": 60, "remind_minutes": [5, 5]}, "due"),
        ({"minutes": 60, "escalate_to": "operator"}, "due"),
        ({"minutes": 60, "escalate_minutes": 5}, "due"),
        ({"minutes": 60, "escalate_minutes": 5, "escalate_to": "auditor"}, "due.escalate_to"),
        ({"minutes": 60, "colour": "red"}, "due.colour"),
    ],
)
def test_what_is_no_time_is_refused_at_its_place(acme: Stage, due: dict[str, Any], place: str) -> None:
    said = acme.boss.post("policies", {"name": "house", "rules": [rule(due)]}).refused(422, "invalid_rules")
    assert [error["field"] for error in said["errors"]] == [f"rules.0.{place}"]


def test_what_is_denied_waits_for_nobody(acme: Stage) -> None:
    said = acme.boss.post("policies", {"name": "house", "rules": [rule(DUE, "deny")]}).refused(422, "invalid_rules")
    assert "leave `due` out" in said["detail"]


# ------------------------------------------------------------------ reminders


def test_each_reminder_is_told_once_however_often_the_clock_comes_by(acme: Stage) -> None:
    policy(acme, rule(DUE | {"escalate_minutes": 5}))
    claim, card = waiting_card(acme)
    for minutes, swept, reminders in ((31, 0, 0), (30, 1, 1), (30, 0, 1), (11, 0, 1), (10, 1, 2), (9, 0, 2)):
        with at(card, minutes):
            assert remind_cards() == swept, minutes
        assert told(acme, claim)["safety.review.due.v1"] == reminders, minutes


def test_a_clock_that_died_before_its_commit_tells_it_next_time(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    policy(acme, rule(DUE))
    claim, card = waiting_card(acme)

    def dies(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    with at(card, 25):
        with monkeypatch.context() as dying:
            dying.setattr(waiting, "tell", dies)
            assert remind_cards() == 0
        assert told(acme, claim)["safety.review.due.v1"] == 0
        assert remind_cards() == 1
    assert told(acme, claim)["safety.review.due.v1"] == 1


def test_two_clocks_at_once_tell_it_once(acme: Stage) -> None:
    """Both have found it; the second looks again under the lock."""
    policy(acme, rule(DUE))
    claim, card = waiting_card(acme)
    with at(card, 25):
        for _ in range(2):
            with acme.bound():
                sweep.remind_card(claim["task"]["id"], card["id"])
    assert told(acme, claim)["safety.review.due.v1"] == 1


def test_reminders_that_nobody_was_there_to_tell_are_one(acme: Stage) -> None:
    policy(acme, rule(DUE | {"escalate_minutes": 5}))
    claim, card = waiting_card(acme)
    with at(card, 7):
        assert remind_cards() == 1
    (due,) = [
        event
        for event in acme.pia.get(f"sessions/{claim['task']['session']}/events", limit="100").ok()["results"]
        if event["type"] == "safety.review.due.v1"
    ]
    assert due["payload"]["minutes_left"] == 7


def test_nobody_is_reminded_of_a_card_that_was_decided(acme: Stage) -> None:
    policy(acme, rule(DUE))
    claim, card = waiting_card(acme)
    acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "approve"}).ok()
    with at(card, 5):
        assert remind_cards() == 0
    assert told(acme, claim)["safety.review.due.v1"] == 0


# ------------------------------------------------------------------ escalation


def test_the_escalation_lets_another_role_decide(acme: Stage) -> None:
    policy(acme, rule(DUE))
    claim, card = waiting_card(acme)
    decision = {"decision": "approve"}
    with at(card, 21):
        remind_cards()
        acme.otto.post(f"reviews/{card['id']}/decision", decision).refused(403, "role")
    with at(card, 20):
        assert (remind_cards(), remind_cards()) == (1, 0)
    now = acme.rita.get(f"reviews/{card['id']}").ok()
    assert (now["escalated_to"], now["quorum"][0]["roles"]) == ("operator", ["operator", "reviewer"])
    assert told(acme, claim)["safety.review.escalated.v1"] == 1
    assert acme.otto.post(f"reviews/{card['id']}/decision", decision).ok()["decided_by"] == acme.otto.name


def test_what_is_asked_of_finance_alone_is_not_widened(acme: Stage) -> None:
    """The policy's question goes to operators; the budget's stays with finance, and both are to be answered."""
    policy(acme, rule(DUE, subjects=["spend"]))
    budget = acme.budget(day_usd="50")
    approvals = [{"above_usd": "5", "approvers": 1, "roles": ["finance"]}]
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": {"approvals": approvals}}).ok()
    card = acme.rita.get(f"reviews/{acme.ada.spend(at_work(acme), '8').ok(202)['review']}").ok()
    with at(card.body, 20):
        remind_cards()
    decide = {"decision": "approve"}
    assert acme.otto.post(f"reviews/{card['id']}/decision", decide).ok()["status"] == "pending"
    acme.rita.post(f"reviews/{card['id']}/decision", decide).refused(403, "role")
    assert acme.fay.post(f"reviews/{card['id']}/decision", decide).ok()["status"] == "approved"


# ------------------------------------------------------------------ the end


def test_at_the_end_it_is_refused_its_money_is_free_and_its_session_is_told(acme: Stage) -> None:
    policy(acme, rule(DUE))
    budget = acme.budget(day_usd="50")
    claim, card = waiting_card(acme, amount_usd="3")
    with at(card, 0.1):
        assert expire_cards() == 0
    with at(card, 0):
        assert (remind_cards(), expire_cards(), expire_cards()) == (0, 1, 0)
    assert acme.rita.get(f"reviews/{card['id']}").ok()["status"] == "expired"
    assert (task_row(acme, claim).status, spent(acme, budget)[0]) == ("failed", "0.00")
    assert acme.anna.get(f"actions/{card['action']}").ok()["status"] == "denied"
    facts = told(acme, claim)
    assert [facts[f"{name}.v1"] for name in ("safety.review.expired", "swarm.task.failed", "safety.review.due")] == [
        1,
        1,
        0,
    ]
    assert facts["commerce.transaction.denied.v1"] == 1
    check_books(acme)


def test_a_judges_card_reminds_nobody_until_people_are_asked(acme: Stage) -> None:
    claim = at_work(acme, judged=True)
    review = acme.ada.finish(claim, 0.8).ok()["review"]
    with clock.held(clock.now() + settings.CARD_DUE):
        assert (remind_cards(), expire_cards()) == (0, 1)
        card = acme.rita.get(f"reviews/{review}").ok()
        assert card["kind"] == "result"
    with at(card.body, 15):
        assert remind_cards() == 1
    with at(card.body, 0):
        assert expire_cards() == 1
        assert [task["status"] for task in acme.rita.get("tasks", type="judge").ok()["results"]] == ["cancelled"]
