from typing import Any

from chimera.campaign import harvesting, narrating
from chimera.campaign.standing import Standing, standing


def task(name: str, status: str, *depends_on: str) -> dict[str, Any]:
    return {
        "id": name,
        "status": status,
        "depends_on": list(depends_on),
        "type": "draft",
        "description": name,
        "error": None,
    }


def review(about: str, code: str = "confidence_band") -> dict[str, Any]:
    return {"id": f"card-{about}", "task": about, "reasons": [{"code": code, "detail": ""}]}


def stands(*tasks: dict[str, Any], cards: tuple[dict[str, Any], ...] = ()) -> Standing:
    return standing(tasks, cards)


def test_queued_and_running_tasks_move_and_finished_ones_do_not():
    assert stands(task("a", "queued"), task("b", "running"), task("c", "completed")).moving == {"a", "b"}
    assert stands(task("a", "completed"), task("b", "failed"), task("c", "cancelled")).settled


def test_a_task_that_waits_for_a_human_does_not_move():
    found = stands(task("a", "blocked"), cards=(review("a"),))
    assert found.settled
    assert set(found.cards) == {"a"}


def test_a_card_for_the_judge_waits_for_no_human():
    assert stands(task("a", "blocked"), task("j", "queued"), cards=(review("a", "awaits_judge"),)).cards == {}


def test_a_pending_task_moves_only_as_long_as_what_it_waits_for_does():
    assert "c" in stands(task("a", "running"), task("c", "pending", "a")).moving
    assert stands(task("a", "failed"), task("c", "pending", "a")).settled
    assert stands(task("a", "blocked"), task("b", "pending", "a"), task("c", "pending", "b")).settled
    assert "c" in stands(task("a", "completed"), task("c", "pending", "a")).moving


def test_a_refusal_for_money_is_told_from_other_failures():
    broke = task("a", "failed") | {"error": {"code": "budget_refused"}}
    assert harvesting.outcome(broke, waits=False) == harvesting.REFUSED
    assert harvesting.outcome(task("a", "failed") | {"error": {"code": "rejected"}}, waits=False) == harvesting.REJECTED
    assert harvesting.outcome(task("a", "failed"), waits=False) == harvesting.FAILED
    assert harvesting.outcome(task("a", "blocked"), waits=True) == harvesting.WAITING
    assert harvesting.outcome(task("a", "completed"), waits=False) == harvesting.PASSED
    assert harvesting.outcome(task("a", "pending"), waits=False) == harvesting.OPEN


def test_events_are_told_in_words_and_unknown_ones_are_passed_over():
    assert narrating.line({"type": "commerce.transaction.denied.v1", "payload": {"amount_usd": "0.04"}}) == (
        "red",
        "0.04 USD refused",
    )
    assert (
        narrating.line({"type": "safety.review.opened.v1", "payload": {"kind": "judge", "reasons": ["awaits_judge"]}})
        is None
    )
    assert narrating.line({"type": "weather.rain.began.v1", "payload": {}}) is None
