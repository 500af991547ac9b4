"""Policies rule on actions and on their money, when they are proposed and again when they are to be executed."""

from typing import Any

import pytest

from commerce.models import Transaction
from safety.models import ShadowVerdict
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again
from tests.safety.acts import decide, execute, propose
from tests.safety.test_policy_doors import made

TOOLS = {"name": "tools", "when": {"tools": ["publish", "read.*"]}, "then": "allow"}
LOOK = {"name": "look", "when": {"tools": ["publish"]}, "then": "review"}
EVIL = {"name": "never them", "when": {"payees": ["*evil*"]}, "then": "deny"}
DEAR = {"name": "dear", "when": {"subjects": ["spend"], "amount_usd": {"above": "2.00"}}, "then": "review"}
MAIL = {"name": "no addresses", "when": {"patterns": ["pii.email"]}, "then": "deny"}


@pytest.fixture
def claim(acme: Stage) -> dict[str, Any]:
    acme.budget(day_usd="20")
    return at_work(acme)


@pytest.mark.parametrize(
    ("rules", "said", "status", "code"),
    [
        ([TOOLS], {}, "allowed", None),
        ([TOOLS], {"tool": "rm"}, "denied", "tool_unknown"),
        ([LOOK], {}, "review", "tool"),
        ([EVIL], {"payee": "evil.example", "amount_usd": "1"}, "denied", "payee"),
        ([DEAR], {"amount_usd": "3"}, "review", "amount"),
        ([DEAR], {"amount_usd": "1"}, "allowed", None),
        ([DEAR], {}, "allowed", None),
        ([MAIL], {"arguments": {"to": {"all": ["rita@acme.example"]}}}, "denied", "pattern"),
        ([LOOK, MAIL], {"arguments": {"to": "rita@acme.example"}}, "denied", "pattern"),
        ([], {"arguments": {"text": "Vote for the harbour party in the election."}}, "review", "topic_politics"),
    ],
)
def test_what_is_proposed_goes_as_the_policies_say(
    acme: Stage, claim: dict[str, Any], rules: list[dict[str, Any]], said: dict[str, Any], status: str, code: str | None
) -> None:
    made(acme, *rules)
    action = propose(acme, claim, **said).ok(201)
    assert (action["status"], [r["code"].startswith(code or "?") for r in action["reasons"]][:1]) == (
        status,
        [True] if code else [],
    )
    assert [known["version"] for known in action["policies"]] == [1]
    assert (action["review"] is not None) == (status == "review")
    check_books(acme)


def test_a_denied_payment_is_a_row_of_the_ledger(acme: Stage, claim: dict[str, Any]) -> None:
    made(acme, EVIL)
    action = propose(acme, claim, payee="evil.example", amount_usd="1").ok(201)
    with acme.bound():
        row = Transaction.objects.get(pk=action["transaction"])
    assert (row.status, row.denied_code) == ("denied", "policy_denied")


def test_what_policies_want_looked_at_is_executed_once_a_person_has_approved_it(
    acme: Stage, claim: dict[str, Any]
) -> None:
    made(acme, LOOK)
    action = propose(acme, claim, amount_usd="1").ok(201)
    decide(acme, action)
    execute(acme, claimed_again(acme, claim), action["id"], digest=action["digest"]).ok()
    check_books(acme)


@pytest.mark.parametrize(
    ("before", "after", "goes"),
    [
        ([], [TOOLS], True),
        ([], [{**EVIL, "when": {"payees": ["nobody.example"]}}], True),
        ([], [LOOK], False),
        ([], [{**LOOK, "then": "deny"}], False),
        ([LOOK], [], True),
        ([LOOK], [{**LOOK, "when": {"tools": ["publish", "send"]}}], True),
        ([LOOK], [LOOK, {**LOOK, "name": "look for something else, too"}], False),
        ([LOOK, {**LOOK, "name": "look for something else, too"}], [LOOK], True),
        ([LOOK], [{**LOOK, "then": "deny"}], False),
    ],
)
def test_a_policy_that_would_be_stricter_now_kills_the_approval_and_a_laxer_one_takes_nothing(
    acme: Stage, claim: dict[str, Any], before: list[dict[str, Any]], after: list[dict[str, Any]], goes: bool
) -> None:
    policy = made(acme, *before)
    action = propose(acme, claim).ok(201)
    if action["status"] == "review":
        decide(acme, action)
        claim = claimed_again(acme, claim)
    acme.boss.put(f"policies/{policy['id']}/rules", {"rules": after}).ok()
    said = execute(acme, claim, action["id"], digest=action["digest"])
    if goes:
        said.ok()
        return
    said.refused(409, "approval_mismatch")
    assert said["changed"] == ["policy"]
    stricter = "denied" if after[0]["then"] == "deny" else "review"
    assert (said["anew"]["status"], said["anew"]["policies"][0]["version"]) == (stricter, 2)


def test_another_policy_that_asks_for_a_look_of_its_own_is_answered_by_a_card_of_its_own(
    acme: Stage, claim: dict[str, Any]
) -> None:
    made(acme, LOOK)
    action = propose(acme, claim, {"to": "rita@acme.example"}).ok(201)
    decide(acme, action)
    made(acme, {**MAIL, "then": "review"}, name="addresses")
    claim = claimed_again(acme, claim)
    said = execute(acme, claim, action["id"], digest=action["digest"])
    said.refused(409, "approval_mismatch")
    assert "pattern_pii.email" in {reason["code"] for reason in said["anew"]["reasons"]}
    decide(acme, said["anew"])
    anew = said["anew"]
    execute(acme, claimed_again(acme, claim), anew["id"], digest=anew["digest"]).ok()


@pytest.mark.parametrize("other", [False, True])
def test_who_edits_arguments_answers_the_rules_that_stood_then_and_none_that_came_later(
    acme: Stage, claim: dict[str, Any], other: bool
) -> None:
    mail = {**MAIL, "then": "review"}
    made(acme, LOOK, *([] if other else [mail]))
    action = propose(acme, claim).ok(201)
    decide(acme, action, edited_payload={"to": "rita@acme.example"})
    if other:
        made(acme, mail, name="addresses")
    said = execute(acme, claimed_again(acme, claim), action["id"], arguments={"to": "rita@acme.example"})
    if other:
        said.refused(409, "approval_mismatch")
    else:
        said.ok()


def test_what_a_policy_in_shadow_would_have_made_of_it_is_kept(acme: Stage, claim: dict[str, Any]) -> None:
    made(acme, LOOK, status="shadow")
    action = propose(acme, claim).ok(201)
    with acme.bound():
        (shadow,) = ShadowVerdict.objects.all()
    assert (action["status"], shadow.kind, str(shadow.subject_id)) == ("allowed", "action", action["id"])
    assert (shadow.was, shadow.would_be) == ("allow", "review")


def test_a_replay_judges_actions_with_the_money_they_would_have_spent(acme: Stage) -> None:
    """What was allowed, denied by a rule, and put before a person for its money; under other rules."""
    acme.budget(day_usd="20", approval_threshold_usd="4")
    never = {"name": "never wipe", "when": {"tools": ["wipe"]}, "then": "deny"}
    policy = made(acme, never)
    claim = at_work(acme)
    propose(acme, claim, tool="read").ok(201)
    propose(acme, claim, tool="pay", amount_usd="1", payee="evil.example").ok(201)
    propose(acme, claim, tool="wipe").ok(201)
    propose(acme, claim, tool="pay", amount_usd="5", payee="good.example").ok(201)
    rules = [
        {"name": "never evil", "when": {"subjects": ["spend"], "payees": ["evil.*"]}, "then": "deny"},
        {"name": "ask to read", "when": {"tools": ["read"]}, "then": "review"},
        {"name": "others", "when": {"tools": ["pay", "wipe"]}, "then": "allow"},
    ]
    seen = acme.boss.post(f"policies/{policy['id']}/preview", {"rules": rules}).ok()
    assert seen["looked_at"] == 4
    assert {(each["kind"], each["was"], each["would_be"], each["count"]) for each in seen["outcomes"]} == {
        ("action", "allow", "review", 1),  # read
        ("action", "allow", "deny", 1),  # its payee
        ("action", "deny", "allow", 1),  # nothing forbids to wipe any more
        ("action", "review", "review", 1),  # its budget asks still
    }
    assert {each["rule"] for each in seen["differences"]} == {"never evil", "ask to read", "others"}
