"""What a reviewer edits: bounded, kept with its difference, bound to who approves it, and asked of everybody anew."""

from typing import Any

import pytest

from safety.actions.proposals import ARGUMENTS_BYTES_MAX
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again
from tests.safety.acts import POST, execute, propose, read, reviewed
from tests.safety.test_due_times import policy, rule

EDITED = POST | {"text": "The baths open on Sunday."}
CHANGE = {
    "op": "replace",
    "path": "/text",
    "value": "The baths open on Sunday.",
    "before": "The baths open on Saturday.",
}


def approve(who: Caller, card: str, payload: Any = None, **more: Any) -> Said:
    edited = {} if payload is None else {"edited_payload": payload}
    return who.post(f"reviews/{card}/decision", {"decision": "approve"} | edited | more)


def of_two(acme: Stage, **more: Any) -> tuple[dict[str, Any], Said]:
    """An action that two people must approve."""
    budget = acme.budget(day_usd="100")
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": {"approvals": [{"above_usd": "2", "approvers": 2}]}}).ok()
    claim = at_work(acme)
    return claim, propose(acme, claim, amount_usd="3", **more).ok(201)


def test_the_card_keeps_what_was_changed_and_the_resumed_agent_is_told(acme: Stage) -> None:
    claim, action = reviewed(acme)
    card = approve(acme.rita, action["review"], EDITED).ok()
    assert (card["edited_payload"], card["changes"]) == (EDITED, [CHANGE])
    resume = claimed_again(acme, claim)["resume"]
    assert (resume["decision"], resume["action"], resume["edited"]) == ("approved", action["id"], True)


def test_a_result_keeps_its_changes_too(acme: Stage) -> None:
    review = acme.ada.finish(at_work(acme), 0.8).ok()["review"]
    card = approve(acme.rita, review, {"answer": "43"}).ok()
    assert card["changes"] == [{"op": "replace", "path": "/answer", "value": "43", "before": "42"}]


def test_an_edit_that_changes_nothing_is_none(acme: Stage) -> None:
    claim, action = reviewed(acme)
    card = approve(acme.rita, action["review"], dict(POST)).ok()
    assert (card["edited_payload"], card["changes"], card["digest"] is None) == (None, None, False)
    assert claimed_again(acme, claim)["resume"]["edited"] is False
    assert read(acme, action)["original_arguments"] is None


@pytest.mark.parametrize(
    ("payload", "code"),
    [({"text": "x" * ARGUMENTS_BYTES_MAX}, "too_large"), ({"number": 2**53}, "number_out_of_range")],
)
def test_edited_arguments_are_as_bounded_as_proposed_ones(acme: Stage, payload: dict[str, Any], code: str) -> None:
    _, action = reviewed(acme)
    approve(acme.rita, action["review"], payload).refused(422, code)
    assert acme.rita.get(f"reviews/{action['review']}").ok()["status"] == "pending"


def test_an_edit_asks_everybody_anew_and_what_both_approve_is_executed(acme: Stage) -> None:
    claim, action = of_two(acme)
    approve(acme.rita, action["review"]).ok()
    card = approve(acme.boss, action["review"], EDITED).ok()
    assert (card["status"], card["approvals_needed"], card["changes"]) == ("pending", 1, [CHANGE])
    assert [(vote["by"], vote["counts"]) for vote in card["votes"]] == [(acme.rita.name, False), (acme.boss.name, True)]
    assert read(acme, action)["status"] == "review"
    assert approve(acme.rita, action["review"]).ok()["status"] == "approved"
    again = claimed_again(acme, claim)
    same = propose(acme, again, amount_usd="3").ok(201)
    assert (same["id"], same["arguments"], same["original_arguments"]) == (action["id"], EDITED, POST)
    assert execute(acme, again, action["id"], digest=same["digest"]).ok()["arguments"] == EDITED
    check_books(acme)


def test_an_edit_that_is_taken_back_revives_the_approvals_of_before(acme: Stage) -> None:
    claim, action = of_two(acme)
    approve(acme.rita, action["review"], EDITED).ok()
    approve(acme.rita, action["review"], dict(POST)).ok()
    card = approve(acme.boss, action["review"]).ok()
    assert (card["status"], card["edited_payload"], card["changes"]) == ("approved", None, None)
    assert execute(acme, claimed_again(acme, claim), action["id"], arguments=POST).ok()["arguments"] == POST


def test_who_names_what_was_seen_does_not_approve_what_somebody_edited_since(acme: Stage) -> None:
    _, action = of_two(acme)
    seen = acme.rita.get(f"reviews/{action['review']}").ok()["digest"]
    edited = approve(acme.boss, action["review"], EDITED).ok()
    said = approve(acme.rita, action["review"], digest=seen).refused(409, "approval_mismatch")
    assert said["digest"] == edited["digest"] != seen
    assert approve(acme.rita, action["review"], digest=edited["digest"]).ok()["status"] == "approved"


def test_a_rejection_drops_what_was_edited(acme: Stage) -> None:
    _, action = of_two(acme)
    approve(acme.boss, action["review"], EDITED).ok()
    said = acme.rita.post(f"reviews/{action['review']}/decision", {"decision": "reject", "note": "no"}).ok()
    assert (said["status"], said["edited_payload"], said["changes"]) == ("rejected", None, None)


def test_policies_have_a_word_on_what_was_edited(acme: Stage) -> None:
    """At its execution: what a reviewer wrote passes no rule that its agent would not."""
    policy(acme, rule(None), {"name": "none", "when": {"patterns": ["pii.email"]}, "then": "deny"})
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    approve(acme.rita, action["review"], POST | {"text": "Write to rita@example.com."}).ok()
    said = execute(acme, again := claimed_again(acme, claim), action["id"], digest=read(acme, action)["digest"])
    assert said.refused(409, "approval_mismatch")["changed"] == ["policy"]
    assert (again["resume"]["edited"], said["anew"]["status"]) == (True, "denied")
