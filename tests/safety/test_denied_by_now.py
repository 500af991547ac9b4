"""No approval passes what a policy denies: not where the judge is lost, not by a policy that came later, not by an edit."""

from collections.abc import Callable
from typing import Any

from tests.cast import Said, Stage
from tests.commerce.books import at_work, spent

KEPT = {"text": "The ferry leaves at nine."}
SECRET = {"text": "Ask ada@example.org for the hours."}
NO_ADDRESSES = {"name": "no addresses", "when": {"subjects": ["result"], "patterns": ["pii.email"]}, "then": "deny"}


def enforce(acme: Stage) -> None:
    acme.boss.post("policies", {"name": "house", "rules": [NO_ADDRESSES], "status": "enforced"}).ok(201)


def approve(acme: Stage, review: Any, **more: Any) -> Said:
    return acme.rita.post(f"reviews/{review}/decision", {"decision": "approve"} | more)


def task_status(acme: Stage, claim: dict[str, Any]) -> str:
    return str(acme.anna.get(f"tasks/{claim['task']['id']}").ok()["status"])


def test_a_result_whose_judge_is_lost_is_approved_past_no_policy(acme: Stage, settle: Callable[[], None]) -> None:
    enforce(acme)
    claim = at_work(acme, judged=True)
    review = acme.ada.finish(claim, 0.99, output=SECRET).ok()["review"]
    settle()
    (judging,) = acme.jude.claim()
    error = {"code": "crash", "message": "no model", "retryable": False}
    acme.jude.finish(judging, None, status="failed", output_payload=None, error=error).ok()
    approve(acme, review).refused(409, "policy_denied")
    assert task_status(acme, claim) == "blocked"
    approve(acme, review, edited_payload=KEPT).ok()
    assert task_status(acme, claim) == "completed"


def test_what_a_policy_denies_by_now_is_not_approved(acme: Stage) -> None:
    claim = at_work(acme)
    review = acme.ada.finish(claim, 0.8, output=SECRET).ok()["review"]
    enforce(acme)
    denied = approve(acme, review).refused(409, "policy_denied")
    assert "no addresses" in denied["detail"]
    acme.rita.post(f"reviews/{review}/decision", {"decision": "request_changes", "note": "No addresses."}).ok()


def test_nobody_writes_into_a_result_what_a_policy_denies(acme: Stage) -> None:
    enforce(acme)
    claim = at_work(acme)
    review = acme.ada.finish(claim, 0.8, output=KEPT).ok()["review"]
    approve(acme, review, edited_payload=SECRET).refused(409, "policy_denied")
    approve(acme, review).ok()
    assert task_status(acme, claim) == "completed"


def test_a_spend_that_a_policy_denies_by_now_is_not_approved(acme: Stage) -> None:
    budget = acme.budget(day_usd="20", approval_threshold_usd="2")
    claim = at_work(acme)
    review = acme.ada.spend(claim, "3").ok(202)["review"]
    never = {"name": "never", "when": {"subjects": ["spend"], "payees": ["render.example"]}, "then": "deny"}
    policy = acme.boss.post("policies", {"name": "house", "rules": [never], "status": "enforced"}).ok(201)
    assert "never" in approve(acme, review).refused(409, "policy_denied")["detail"]
    assert spent(acme, budget) == ("3.00", "0.00", "17.00")
    acme.boss.post(f"policies/{policy['id']}/status", {"status": "off", "reason": "over"}).ok()
    approve(acme, review).ok()


def test_a_rule_about_scores_reads_the_judges_where_there_is_one(acme: Stage, settle: Callable[[], None]) -> None:
    low = {"name": "low", "when": {"subjects": ["result"], "confidence": {"below": 0.5}}, "then": "deny"}
    claim = at_work(acme, judged=True)
    review = acme.ada.finish(claim, 0.4, output=KEPT).ok()["review"]
    settle()
    acme.jude.finish(acme.jude.claim()[0], 0.8).ok()
    acme.boss.post("policies", {"name": "house", "rules": [low], "status": "enforced"}).ok(201)
    approve(acme, review).ok()
    assert task_status(acme, claim) == "completed"
