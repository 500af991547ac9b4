"""A person decides about an action: what was approved is what is executed, and anything else kills the approval."""

from decimal import Decimal
from typing import Any

import pytest

from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent
from tests.lanes import settle
from tests.safety.acts import POST, cards, decide, execute, money, outcome, propose, read, reviewed

EDITED = POST | {"text": "The baths open on Sunday."}

# ------------------------------------------------------------------ a person decides


def test_an_approved_action_is_the_same_one_for_the_resumed_task(acme: Stage) -> None:
    claim, action = reviewed(acme)
    card = acme.rita.get(f"reviews/{action['review']}").ok()
    assert (card["kind"], card["action"], card["transaction"]) == ("action", action["id"], action["transaction"])
    assert acme.pia.get(f"tasks/{claim['task']['id']}").ok()["status"] == "blocked"
    execute(acme, claim, action["id"], digest=action["digest"]).refused(409, "stale_lease")
    decide(acme, action)
    again = claimed_again(acme, claim)
    same = propose(acme, again, amount_usd="3", purpose="once more").ok(201)
    assert (same["id"], same["status"], same["digest"]) == (action["id"], "allowed", action["digest"])
    assert cards(acme) == 1
    execution = execute(acme, again, action["id"], digest=action["digest"]).ok()
    outcome(acme, execution).ok()
    assert money(acme, action) == ("captured", None, Decimal(3))
    check_books(acme)


def test_the_resumed_task_may_execute_it_without_asking_again(acme: Stage) -> None:
    claim, action = reviewed(acme)
    decide(acme, action)
    execute(acme, claimed_again(acme, claim), action["id"], arguments=POST).ok()


def test_who_takes_an_approved_action_up_says_what_came_of_it_and_its_proposer_does_not(acme: Stage) -> None:
    claim, action = reviewed(acme)
    decide(acme, action)
    settle()
    (taken,) = acme.bob.claim()
    assert taken["task"]["id"] == claim["task"]["id"]
    shown = {"lease_token": taken["lease_token"], "digest": action["digest"]}
    execution = acme.bob.post(f"actions/{action['id']}/execution", shown).ok()
    outcome(acme, execution).refused(403, "execution_token")  # Ada's, who asked for it
    said = {"execution_token": execution["execution_token"], "status": "succeeded"}
    came = acme.bob.post(f"actions/{action['id']}/outcome", said).ok()
    assert (came["agent"], came["executed_by"]) == (acme.ada.id, acme.bob.id)
    assert money(acme, action) == ("captured", None, Decimal(3))
    check_books(acme)


def test_an_edit_that_python_takes_for_the_same_is_what_is_executed(acme: Stage) -> None:
    claim, action = reviewed(acme, arguments={"urgent": 1})
    decide(acme, action, edited_payload={"urgent": True})
    again = claimed_again(acme, claim)
    assert execute(acme, again, action["id"], arguments={"urgent": True}).ok()["arguments"]["urgent"] is True


def test_what_a_person_edited_is_what_is_executed_and_what_the_agent_said_is_not(acme: Stage) -> None:
    claim, action = reviewed(acme)
    decide(acme, action, edited_payload=EDITED)
    again = claimed_again(acme, claim)
    assert again["resume"]["action"] == action["id"]
    same = propose(acme, again, amount_usd="3").ok(201)
    assert (same["id"], same["arguments"], same["original_arguments"]) == (action["id"], EDITED, POST)
    assert same["digest"] != action["digest"]
    assert execute(acme, again, action["id"], digest=same["digest"]).ok()["arguments"] == EDITED
    check_books(acme)


def test_the_edited_words_ask_for_the_action_that_was_approved_and_nobody_twice(acme: Stage) -> None:
    claim, action = reviewed(acme)
    decide(acme, action, edited_payload=EDITED)
    again = claimed_again(acme, claim)
    assert propose(acme, again, EDITED, amount_usd="3").ok(201)["id"] == action["id"]
    execute(acme, again, action["id"], arguments=EDITED).ok()
    twice = propose(acme, again, EDITED, amount_usd="3").ok(201)
    assert (twice["status"], twice["reasons"][0]["code"]) == ("review", "outcome_unknown")
    check_books(acme)


def test_the_agents_own_words_do_not_pass_for_edited_ones(acme: Stage) -> None:
    claim, action = reviewed(acme)
    decide(acme, action, edited_payload=EDITED)
    said = execute(acme, claimed_again(acme, claim), action["id"], arguments=POST)
    assert said.refused(409, "approval_mismatch")["changed"] == ["arguments"]
    check_books(acme)


def test_an_approval_whose_money_was_lost_with_a_lease_is_asked_for_anew(acme: Stage) -> None:
    claim, action = reviewed(acme)
    decide(acme, action)
    again = claimed_again(acme, claim)
    acme.fay.post(f"transactions/{action['transaction']}/void", {"reason": "supplier gone"}).ok()
    anew = propose(acme, again, amount_usd="3").ok(201)
    assert (anew["status"], [r["code"] for r in anew["reasons"]]) == ("review", ["spend_above_threshold"])
    assert (read(acme, action)["status"], anew["id"] != action["id"]) == ("dead", True)
    check_books(acme)


@pytest.mark.parametrize("decision", ["reject", "request_changes"])
def test_what_was_not_approved_is_denied_and_its_money_free(acme: Stage, decision: str) -> None:
    claim, action = reviewed(acme)
    decide(acme, action, decision)
    now = read(acme, action)
    assert (now["status"], "seen" in now["ended_reason"]) == ("denied", True)
    assert money(acme, action)[0] == "denied"
    if decision == "request_changes":
        again = claimed_again(acme, claim)
        execute(acme, again, action["id"], digest=action["digest"]).refused(409, "action_denied")
        assert propose(acme, again, amount_usd="3").ok(201)["id"] != action["id"]
    check_books(acme)


def test_a_cancelled_task_takes_its_action_along(acme: Stage) -> None:
    claim, action = reviewed(acme)
    acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "enough"}).ok()
    assert read(acme, action)["status"] == "dead"
    check_books(acme)


# ------------------------------------------------------------------ anything else


def test_one_changed_argument_kills_the_approval_and_asks_anew(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="2")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    decide(acme, action)
    again = claimed_again(acme, claim)
    other = POST | {"text": POST["text"].replace("Saturday", "Sunday")}
    said = execute(acme, again, action["id"], arguments=other).refused(409, "approval_mismatch")
    assert (said["changed"], said["action"]) == (["arguments"], action["id"])
    anew = said["anew"]
    assert (anew["status"], anew["arguments"], anew["replaces"]) == ("review", other, action["id"])
    assert {r["code"] for r in anew["reasons"]} == {"approval_mismatch", "spend_above_threshold"}
    assert read(acme, action)["status"] == "dead"
    assert money(acme, action)[0] == "voided"
    assert spent(acme, budget)[:2] == ("3.00", "0.00")
    assert (cards(acme), acme.pia.get(f"tasks/{claim['task']['id']}").ok()["status"]) == (2, "blocked")
    decide(acme, anew)
    third = claimed_again(acme, claim)
    execute(acme, third, action["id"], digest=action["digest"]).refused(409, "action_dead")
    execute(acme, third, anew["id"], arguments=other).ok()
    check_books(acme)


def test_another_digest_is_a_mismatch_too(acme: Stage) -> None:
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    wrong = ("0" if action["digest"][0] != "0" else "1") + action["digest"][1:]
    said = execute(acme, claim, action["id"], digest=wrong).refused(409, "approval_mismatch")
    assert (said["changed"], said["anew"]["status"]) == (["digest"], "review")


def test_a_hold_that_was_voided_is_a_mismatch(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    acme.fay.post(f"transactions/{action['transaction']}/void", {"reason": "supplier gone"}).ok()
    said = execute(acme, claim, action["id"], digest=action["digest"]).refused(409, "approval_mismatch")
    assert said["changed"] == ["hold"]
    check_books(acme)


def test_evidence_that_was_superseded_is_a_mismatch_and_what_was_learnt_since_is_none(acme: Stage, settle: Any) -> None:
    memory = acme.pia.post("memories", {"content": "The tide gate opens at six."}).ok(201)
    settle()
    claim = at_work(acme)
    shown = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    acme.ada.post("memories/search", {"query": "tide gate"} | shown).ok()
    first, second = propose(acme, claim).ok(201), propose(acme, claim, {"n": 2}).ok(201)
    assert [known["id"] for known in first["evidence"]] == [memory["id"]]
    acme.pia.post("memories", {"content": "The ferry calls at the tide gate."}).ok(201)
    acme.ada.post("memories/search", {"query": "tide gate and ferry"} | shown).ok()
    execute(acme, claim, first["id"], digest=first["digest"]).ok()
    acme.pia.post(f"memories/{memory['id']}/supersede", {"content": "The tide gate opens at seven."}).ok(201)
    said = execute(acme, claim, second["id"], digest=second["digest"]).refused(409, "approval_mismatch")
    assert said["changed"] == ["evidence"]


def test_a_goal_that_changed_since_the_approval_is_a_mismatch(acme: Stage) -> None:
    claim, action = reviewed(acme)
    decide(acme, action)
    acme.otto.patch(f"sessions/{claim['task']['session']}", {"context": {"tone": "calm"}}).ok()
    said = execute(acme, claimed_again(acme, claim), action["id"], digest=action["digest"]).refused(
        409, "approval_mismatch"
    )
    assert said["changed"] == ["goal"]
