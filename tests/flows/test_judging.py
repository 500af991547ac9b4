"""A judged task's result waits for its judge, whose score decides in its place."""

from collections.abc import Callable

import pytest

from tests.cast import Stage

Settle = Callable[[], None]


def awaiting_judge(acme: Stage, settle: Settle, **more: object) -> tuple[dict, dict]:
    task = acme.task(acme.session(), judged=True, **more)
    settle()
    (claim,) = acme.ada.claim()
    finished = acme.ada.finish(claim, 0.99, output={"text": "The ferry leaves at nine."}).ok()
    assert (finished["outcome"], finished["task"]["status"]) == ("blocked", "blocked")
    settle()
    (judging,) = acme.jude.claim()
    assert judging["task"]["parent_task"] == task["id"]
    assert judging["task"]["input_payload"]["subject"]["output_payload"] == {"text": "The ferry leaves at nine."}
    return task, judging


@pytest.mark.parametrize(("score", "status"), [(0.93, "completed"), (0.8, "blocked"), (0.3, "queued")])
def test_the_judges_score_outranks_the_agents_own(acme: Stage, settle: Settle, score: float, status: str) -> None:
    task, judging = awaiting_judge(acme, settle)
    assert acme.jude.finish(judging, score, output={"verdict": "pass"}).ok()["outcome"] == "completed"
    judged = acme.pia.get(f"tasks/{task['id']}").ok()
    assert judged["status"] == status
    assert judged["results"][0]["judge_score"] == score
    assert judged["results"][0]["applied"] == (status == "completed")


def test_a_card_joins_the_queue_only_when_the_judge_leaves_it_to_a_person(acme: Stage, settle: Settle) -> None:
    _, judging = awaiting_judge(acme, settle)
    assert acme.rita.get("reviews", status="pending").ok()["results"] == []
    acme.jude.finish(judging, 0.8, reasoning="a little flat").ok()
    (review,) = acme.rita.get("reviews", status="pending").ok()["results"]
    assert review["reasons"][0]["code"] == "confidence_band"
    assert review["reasons"][0]["evidence"] == "a little flat"


def test_a_passed_result_on_a_sensitive_topic_still_goes_to_a_person(acme: Stage, settle: Settle) -> None:
    task = acme.task(acme.session(), judged=True)
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim, 0.99, output={"text": "A guaranteed return on every berth."}).ok()
    settle()
    (judging,) = acme.jude.claim()
    acme.jude.finish(judging, 1.0).ok()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "blocked"
    (review,) = acme.rita.get("reviews", status="pending").ok()["results"]
    assert review["reasons"][0]["code"] == "topic_financial_advice"


def test_a_judge_that_fails_leaves_it_to_a_person(acme: Stage, settle: Settle) -> None:
    _, judging = awaiting_judge(acme, settle)
    error = {"code": "crash", "message": "no model", "retryable": False}
    acme.jude.finish(judging, None, status="failed", output_payload=None, error=error).ok()
    (review,) = acme.rita.get("reviews", status="pending").ok()["results"]
    assert [r["code"] for r in review["reasons"]] == ["judge_lost"]


def test_a_person_may_be_quicker_than_the_judge(acme: Stage, settle: Settle) -> None:
    task, judging = awaiting_judge(acme, settle)
    (card,) = acme.rita.get("reviews", task=task["id"]).ok()["results"]
    acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "approve"}).ok()
    acme.jude.finish(judging, 0.1).refused(409, "stale_lease")
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "completed"
    assert acme.pia.get(f"tasks/{judging['task']['id']}").ok()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("verdict", "confidence", "status"),
    [
        ({"verdict": "fail", "score": 0.1}, 0.95, "queued"),
        ({"verdict": "uncertain"}, 0.99, "blocked"),
        ({"score": 0.95}, None, "completed"),
        ({"verdict": "pass", "score": 0.95}, 0.3, "queued"),
    ],
)
def test_a_judges_words_lower_its_score_and_never_raise_it(
    acme: Stage, settle: Settle, verdict: dict, confidence: float | None, status: str
) -> None:
    task, judging = awaiting_judge(acme, settle)
    acme.jude.finish(judging, confidence, output=verdict).ok()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == status


@pytest.mark.parametrize("verdict", [{"verdict": "pass"}, {"score": 9}, {"score": "x"}, {"score": True}])
def test_a_judges_result_without_a_score_is_refused(acme: Stage, settle: Settle, verdict: dict) -> None:
    _, judging = awaiting_judge(acme, settle)
    acme.jude.finish(judging, None, output=verdict).refused(422, "score_missing")
    acme.jude.finish(judging, 0.95).ok()
