"""A decision that comes before its question waits for it under the agent's key, and is used once, by who may, for what it names."""

import hashlib
import json
from typing import Any

import pytest
from django.db import connection
from django.db.utils import ProgrammingError

from safety.models import ReviewCard
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent, task_row
from tests.safety.acts import POST, TOOL, execute, propose

KEY = "order 17"


def digest(*said: Any) -> str:
    """As the API's document has it, by other means than ours."""
    text = json.dumps(said[0] if len(said) == 1 else list(said), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


SPEND = digest("8.00", "USD", "render.example", "")
ACTION = digest(TOOL, POST, "8.00", "USD", "", "")
RESULT = digest({"answer": "42"})


def say(who: Caller, decision: str = "approve", key: str = KEY, **more: Any) -> Said:
    body = {"correlation_key": key, "decision": decision, "note": "as we spoke"}
    if decision == "approve":
        body["digest"] = SPEND
    return who.post("reviews/decisions", body | more)


def budget(acme: Stage) -> dict[str, Any]:
    return acme.budget(day_usd="100", approval_threshold_usd="5")


def card_of(acme: Stage, said: Said) -> dict[str, Any]:
    return acme.rita.get(f"reviews/{said['review']}").ok().body


def early(acme: Stage) -> list[tuple[str, str]]:
    rows = acme.anna.get("reviews/decisions").ok()["results"]
    return [(row["status"], (row["refusal"] or {}).get("code", "")) for row in rows]


# ------------------------------------------------------------------ a decision meets its question


def test_a_spend_is_born_approved_and_its_task_goes_on_with_the_money(acme: Stage) -> None:
    limit = budget(acme)
    kept = say(acme.rita).ok(202)
    assert (kept["status"], kept["by"], kept["review"]) == ("waiting", acme.rita.name, None)
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "8", correlation_key=KEY).ok(202)
    card = card_of(acme, spend)
    assert (card["status"], card["decided_by"], card["note"]) == ("approved", acme.rita.name, "as we spoke")
    assert (card["decided_early_at"], card["digest"], card["correlation_key"]) == (kept["created_at"], SPEND, KEY)
    again = claimed_again(acme, claim)
    assert (again["resume"]["review"], again["resume"]["decision"]) == (card["id"], "approved")
    assert acme.ada.spend(again, "8").ok(201)["id"] == spend["id"]
    assert (early(acme), spent(acme, limit)[0]) == ([("used", "")], "8.00")
    check_books(acme)


def test_an_action_is_born_approved_and_executed_as_it_was_asked(acme: Stage) -> None:
    budget(acme)
    say(acme.rita, digest=ACTION).ok(202)
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="8", correlation_key=KEY).ok(201)
    again = claimed_again(acme, claim)
    execute(acme, again, action["id"], arguments=POST | {"text": "other"}).refused(409, "approval_mismatch")
    assert card_of(acme, action)["status"] == "approved"
    check_books(acme)


@pytest.mark.parametrize("judged", [False, True])
def test_a_result_is_born_approved_before_any_judge_is_asked(acme: Stage, judged: bool) -> None:
    say(acme.rita, digest=RESULT).ok(202)
    claim = at_work(acme, judged=judged)
    said = acme.ada.finish(claim, 0.8, correlation_key=KEY).ok()
    assert (said["task"]["status"], card_of(acme, said)["decided_by"]) == ("completed", acme.rita.name)
    assert acme.jude.claim() == []


def test_a_rejection_needs_no_digest_and_frees_all_the_money_of_the_task(acme: Stage) -> None:
    limit = budget(acme)
    say(acme.rita, "reject").ok(202)
    claim = at_work(acme)
    acme.ada.spend(claim, "2").ok(201)
    spend = acme.ada.spend(claim, "8", correlation_key=KEY).ok(202)
    assert (card_of(acme, spend)["status"], task_row(acme, claim).status) == ("rejected", "failed")
    assert spent(acme, limit)[0] == "0.00"
    check_books(acme)


def test_requested_changes_go_to_the_next_claim(acme: Stage) -> None:
    say(acme.rita, "request_changes", note="name the ferry").ok(202)
    claim = at_work(acme)
    acme.ada.finish(claim, 0.8, correlation_key=KEY).ok()
    resume = claimed_again(acme, claim)["resume"]
    assert (resume["decision"], resume["note"]) == ("changes_requested", "name the ferry")


def test_what_asks_nobody_leaves_the_decision_waiting(acme: Stage) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    acme.ada.spend(at_work(acme), "3", correlation_key=KEY).ok(201)
    assert early(acme) == [("waiting", "")]


def test_it_is_used_once(acme: Stage) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    claim = at_work(acme)
    acme.ada.spend(claim, "8", correlation_key=KEY).ok(202)
    acme.ada.post(
        f"transactions/{acme.ada.spend(again := claimed_again(acme, claim), '8').ok(201)['id']}/capture",
        {"lease_token": again["lease_token"]},
    ).ok()
    second = acme.ada.spend(again, "8", correlation_key=KEY).ok(202)
    assert card_of(acme, second)["status"] == "pending"


def test_a_card_that_is_open_already_is_decided_at_once(acme: Stage) -> None:
    budget(acme)
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    say(acme.rita, digest=ACTION).refused(409, "approval_mismatch")
    decided = say(acme.rita).ok()
    assert (decided["id"], decided["status"], decided["decided_early_at"]) == (spend["review"], "approved", None)
    said = say(acme.boss).refused(409, "already_decided")
    assert (said["decided_by"], early(acme)) == (acme.rita.name, [])


def test_two_early_approvals_are_two_votes(acme: Stage) -> None:
    limit = acme.budget(day_usd="100")
    acme.fay.put(f"budgets/{limit['id']}/rules", {"rules": {"approvals": [{"above_usd": "5", "approvers": 2}]}}).ok()
    for who in (acme.rita, acme.boss):
        say(who).ok(202)
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    card = card_of(acme, spend)
    assert (card["status"], [vote["by"] for vote in card["votes"]]) == ("approved", [acme.rita.name, acme.boss.name])


def test_of_several_a_rejection_wins_whoever_was_first(acme: Stage) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    say(acme.boss, "reject").ok(202)
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    assert card_of(acme, spend)["status"] == "rejected"
    assert sorted(early(acme)) == [("refused", "already_decided"), ("used", "")]


def test_who_decides_anew_replaces_what_waited(acme: Stage) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    say(acme.rita, "reject", note="on second thoughts").ok(202)
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    assert card_of(acme, spend)["status"] == "rejected"
    assert sorted(early(acme)) == [("replaced", ""), ("used", "")]


def test_who_takes_it_back_leaves_the_card_to_people(acme: Stage) -> None:
    budget(acme)
    taken, left = (f"reviews/decisions/{say(who).ok(202)['id']}/withdraw" for who in (acme.rita, acme.boss))
    acme.boss.post(taken).refused(403, "not_yours")
    for _ in range(2):  # a repeat is told the same
        assert acme.rita.post(taken).ok()["status"] == "withdrawn"
    assert acme.boss.post(left).ok()["status"] == "withdrawn"
    assert say(acme.rita).ok(202)["status"] == "waiting"
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    assert card_of(acme, spend)["decided_by"] == acme.rita.name
    (used,) = acme.rita.get("reviews/decisions", status="used").ok()["results"]
    said = acme.rita.post(f"reviews/decisions/{used['id']}/withdraw").refused(409, "early_ended")
    assert said["status_now"] == "used"


# ------------------------------------------------------------------ the door


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"decision": "approve", "digest": ""}, "invalid"),
        ({"decision": "reject", "note": " "}, "note_required"),
        ({"decision": "maybe"}, "invalid"),
        ({"correlation_key": ""}, "invalid"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid"),
        ({"expires_at": "2990-01-01T00:00:00Z"}, "invalid"),
        ({"digest": "abc"}, "invalid"),
        ({"digest": SPEND.upper()}, "invalid"),
        ({"decision": "reject", "note": "\u200b\u2060"}, "note_required"),
    ],
)
def test_what_is_no_decision_is_refused(acme: Stage, said: dict[str, Any], code: str) -> None:
    say(acme.rita, **said).refused(422, code)


def test_an_approval_without_a_digest_is_refused(acme: Stage) -> None:
    body = {"correlation_key": KEY, "decision": "approve"}
    said = acme.rita.post("reviews/decisions", body).refused(422, "invalid")
    assert [(e["field"], e["code"]) for e in said["errors"]] == [("digest", "digest_required")]


@pytest.mark.parametrize(("who", "status"), [("rita", 202), ("boss", 202), ("otto", 202), ("fay", 202), ("anna", 403)])
def test_who_may_decide_cards_may_decide_early(acme: Stage, who: str, status: int) -> None:
    assert say(getattr(acme, who)).status == status


@pytest.mark.parametrize("who", ["ada", "pia", "jude"])
def test_agents_decide_nothing(acme: Stage, who: str) -> None:
    say(getattr(acme, who)).refused(403, "role")
    getattr(acme, who).get("reviews/decisions").refused(403, "role")


def test_a_key_is_of_one_open_question(acme: Stage) -> None:
    budget(acme)
    session = acme.session()
    acme.ada.spend(at_work(acme, session=session), "8", correlation_key=KEY).ok(202)
    claim = at_work(acme, session=session)
    acme.ada.spend(claim, "8", correlation_key=KEY).refused(409, "correlation_key_taken")
    propose(acme, claim, correlation_key=KEY).refused(409, "correlation_key_taken")
    acme.ada.finish(claim, 0.8, correlation_key=KEY).refused(409, "correlation_key_taken")
    acme.ada.spend(claim, "8", correlation_key=f"{KEY} b").ok(202)


def test_another_tenants_keys_are_others(acme: Stage, zenith: Stage) -> None:
    say(zenith.rita).ok(202)
    budget(acme)
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    assert card_of(acme, spend)["status"] == "pending"
    assert early(acme) == []


def test_what_was_decided_stands_in_the_database(acme: Stage) -> None:
    say(acme.rita).ok(202)
    for sql in ("UPDATE safety_earlydecision SET digest = repeat('0', 64)", "DELETE FROM safety_earlydecision"):
        with pytest.raises(ProgrammingError), acme.bound(), connection.cursor() as cursor:
            cursor.execute(sql)
    with acme.bound():
        assert ReviewCard.objects.count() == 0
