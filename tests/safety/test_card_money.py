"""What a card foretells of the money is what comes of it, to the cent: of the budget, and in its words."""

from typing import Any

import pytest

from tests.cast import Stage
from tests.commerce.books import at_work, spent
from tests.safety.acts import execute, propose

DECISIONS = ("approve", "reject", "request_changes")
each_decision = pytest.mark.parametrize("decision", DECISIONS)


def foretold(acme: Stage, budget: dict[str, Any], review: str, decision: str) -> str:
    """Its words; what it said of the day is tried."""
    card = acme.rita.get(f"reviews/{review}/card").ok()
    day = next(window for window in card["money"]["budgets"][0]["windows"] if window["window"] == "day")
    acme.rita.post(f"reviews/{review}/decision", {"decision": decision, "note": "so"}).ok()
    left = day["this"]["left_if_approved_usd" if decision == "approve" else "left_if_rejected_usd"]
    assert left == spent(acme, budget)[2]
    return str(card["words"]["follows"][decision])


@each_decision
def test_of_a_limit_that_was_lowered_since(acme: Stage, decision: str) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="2")
    review = propose(acme, at_work(acme), amount_usd="5").ok(201)["review"]
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "3", "version": budget["version"]}).ok()
    foretold(acme, budget, review, decision)


@each_decision
def test_what_is_held_for_an_effect_under_way_is_not_given_back(acme: Stage, decision: str) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="6")
    claim = at_work(acme)
    first = propose(acme, claim, {"text": "first"}, amount_usd="5").ok(201)
    execute(acme, claim, first["id"], digest=first["digest"]).ok()
    words = foretold(acme, budget, propose(acme, claim, amount_usd="7").ok(201)["review"], decision)
    if decision == "reject":
        assert words == "the task fails, and $7.00 held for it is free again"


@each_decision
def test_what_is_held_for_an_action_that_was_not_executed_is_given_back_with_the_result(
    acme: Stage, decision: str
) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="6")
    claim = at_work(acme)
    propose(acme, claim, amount_usd="5").ok(201)
    acme.ada.spend(claim, "1").ok(201)
    words = foretold(acme, budget, acme.ada.finish(claim, confidence=0.8).ok()["review"], decision)
    if decision == "approve":
        assert words == "this becomes the task's result, $1.00 held for it is spent, and $5.00 is free again"


@each_decision
def test_what_a_meter_has_counted_is_spent_whatever_is_decided(acme: Stage, decision: str) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="6")
    claim = at_work(acme)
    beat = {"lease_token": claim["lease_token"], "cost_usd": "2", "ahead_usd": "3"}
    acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", beat).ok()
    words = foretold(acme, budget, acme.ada.finish(claim, confidence=0.8).ok()["review"], decision)
    assert words.endswith(", $2.00 held for it is spent, and $3.00 is free again")


@pytest.mark.parametrize("decision", ["reject", "request_changes"])
def test_an_action_beside_a_meter_says_what_is_spent_and_what_is_free(acme: Stage, decision: str) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="6")
    claim = at_work(acme)
    beat = {"lease_token": claim["lease_token"], "cost_usd": "2", "ahead_usd": "3"}
    acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", beat).ok()
    words = foretold(acme, budget, propose(acme, claim, amount_usd="7").ok(201)["review"], decision)
    assert words.endswith(", $2.00 held for it is spent, and $10.00 is free again")


@each_decision
@pytest.mark.parametrize("kind", ["action", "result"])
def test_what_was_made_for_an_older_goal_is_not_applied_and_its_card_says_so(
    acme: Stage, kind: str, decision: str
) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="6")
    claim = at_work(acme)
    acme.ada.spend(claim, "1").ok(201)
    said = (
        propose(acme, claim, amount_usd="7").ok(201)
        if kind == "action"
        else acme.ada.finish(claim, confidence=0.8).ok()
    )
    acme.pia.patch(f"sessions/{claim['task']['session']}", {"context": {"tone": "calm"}}).ok()
    words = foretold(acme, budget, said["review"], decision)
    freed = {"action": "$8.00", "result": "$1.00"}[kind]
    if decision == "approve":
        assert words == (
            "it is not applied, for goal, budget or context changed since; it goes back to an agent, "
            f"and {freed} held for it is free again"
        )
