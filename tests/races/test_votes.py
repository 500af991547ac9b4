"""Two approvals at the same moment, of two that are needed: both count, one of them is the last, and the task resumes once."""

import threading
from typing import Any

import pytest

from safety import actions as safety
from safety.actions import deciding
from safety.models import ReviewCard, ReviewVote
from swarm.actions import tasks
from swarm.models import Task
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again
from tests.races.threads import PATIENCE_SECONDS, at_once


@pytest.fixture
def claim(acme: Stage) -> dict[str, Any]:
    budget = acme.budget(day_usd="100")
    rules = {"approvals": [{"above_usd": "5", "approvers": 2}]}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": rules}).ok()
    return at_work(acme)


def approve_together(acme: Stage, card: str) -> list[Said]:
    approval = {"decision": "approve"}
    return at_once([lambda who=who: who.post(f"reviews/{card}/decision", approval) for who in (acme.rita, acme.boss)])


@pytest.mark.parametrize("_round", range(3))
def test_two_last_approvals_at_once_are_one_decision(acme: Stage, claim: dict[str, Any], _round: int) -> None:
    card = acme.ada.spend(claim, "8").ok(202)["review"]
    said = approve_together(acme, card)
    assert sorted(answer.ok()["status"] for answer in said) == ["approved", "pending"]
    with acme.bound():
        assert ReviewVote.objects.filter(card_id=card).count() == 2
    told = acme.pia.get(f"sessions/{claim['task']['session']}/events", limit="100").ok()["results"]
    types = [event["type"] for event in told]
    assert (types.count("safety.review.voted.v1"), types.count("safety.review.decided.v1")) == (1, 1)
    assert types.count("swarm.task.resumed.v1") == 1
    assert claimed_again(acme, claim)["resume"]["review"] == card
    check_books(acme)


def test_control_who_counts_without_the_locks_never_sees_the_other(
    acme: Stage, claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both approve, each as the first of two: nobody is missing, and the task waits for good."""
    card = acme.ada.spend(claim, "8").ok(202)["review"]
    both_have_counted = threading.Barrier(2)
    count = deciding.standing
    counted = threading.local()

    def standing(quorum: Any, votes: Any) -> Any:
        found = count(quorum, votes)
        if not getattr(counted, "once", False):
            counted.once = True
            both_have_counted.wait(PATIENCE_SECONDS)
        return found

    monkeypatch.setattr(tasks, "lock_all", lambda task_ids: list(Task.objects.filter(pk__in=task_ids).order_by("pk")))
    monkeypatch.setattr(safety, "lock", lambda card_id: ReviewCard.objects.get(pk=card_id))
    monkeypatch.setattr(deciding, "standing", standing)
    said = approve_together(acme, card)
    assert [answer.ok()["status"] for answer in said] == ["pending", "pending"]
    with acme.bound():
        assert ReviewVote.objects.filter(card_id=card).count() == 2
        assert Task.objects.get(pk=claim["task"]["id"]).status == "blocked"
