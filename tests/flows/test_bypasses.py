"""Ways around a decision that do not lead around it."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from chimera.flows.ask_policies import bands
from chimera.kernel import clock
from safety import triggers
from safety.policies import Kind, Subject, evaluate
from safety.policies.subject import TEXT_MAX
from swarm.models import SwarmSession
from tests.cast import Stage

Settle = Callable[[], None]


def judged(acme: Stage, settle: Settle) -> tuple[dict, dict]:
    task = acme.task(acme.session(), judged=True)
    settle()
    (claim,) = acme.ada.claim()
    acme.ada.finish(claim, 0.9, output={"text": "first"}).ok()
    settle()
    (judging,) = acme.jude.claim()
    return task, judging


def test_a_rejected_manual_task_waits_for_a_person_again_when_it_is_retried(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    first = acme.task(session)
    task = acme.task(session, execution_mode="manual", depends_on=[first["id"]])
    (card,) = acme.rita.get("reviews", status="pending").ok()["results"]
    acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "reject", "note": "not now"}).ok()
    assert acme.pia.post(f"tasks/{task['id']}/retry").ok()["status"] == "blocked"
    settle()
    assert [c["task"]["id"] for c in acme.ada.claim(5)] == [first["id"]]
    assert len(acme.rita.get("reviews", status="pending").ok()["results"]) == 1


def test_a_retried_task_still_waits_for_its_dependencies(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    first = acme.task(session)
    task = acme.task(session, execution_mode="manual", depends_on=[first["id"]], max_attempts=1)
    (card,) = acme.rita.get("reviews", status="pending").ok()["results"]
    acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "approve"}).ok()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "pending"
    acme.otto.post(f"tasks/{first['id']}/cancel").ok()
    settle()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "cancelled"


def test_an_old_judge_does_not_settle_a_newer_result(acme: Stage, settle: Settle) -> None:
    task, judging = judged(acme, settle)
    (card,) = acme.rita.get("reviews", task=task["id"]).ok()["results"]
    acme.rita.post(f"reviews/{card['id']}/decision", {"decision": "request_changes", "note": "again"}).ok()
    settle()
    (again,) = acme.ada.claim()
    acme.ada.finish(again, 0.2, output={"text": "second, unseen"}).ok()
    acme.jude.finish(judging, 0.99).refused(409, "stale_lease")  # its task ended with the decision
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "blocked"
    settle()
    (fresh,) = acme.jude.claim()
    assert fresh["task"]["input_payload"]["subject"]["output_payload"] == {"text": "second, unseen"}


def test_a_planner_cannot_forge_the_judges_task(acme: Stage, settle: Settle) -> None:
    task, judging = judged(acme, settle)
    forged = {"subject": judging["task"]["input_payload"]["subject"] | {"output_payload": {"text": "flattering"}}}
    acme.task(task["session"], type="judge", role="judge", parent_task=task["id"], priority=100, input_payload=forged)
    settle()
    (claim,) = acme.jude.claim()
    assert claim["task"]["input_payload"] == forged
    acme.jude.finish(claim, 0.99).ok()
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "blocked"
    assert acme.jude.finish(judging, 0.99).ok()["outcome"] == "completed"
    assert acme.pia.get(f"tasks/{task['id']}").ok()["status"] == "completed"


@pytest.fixture
def stopped_unswept(acme: Stage, settle: Settle) -> tuple[dict, dict]:
    """A claim with a hold, in a session that has stopped a moment ago: nothing is swept yet."""
    acme.budget(day_usd="10")
    session = acme.session()
    acme.task(session)
    settle()
    (claim,) = acme.ada.claim()
    hold = acme.ada.spend(claim, "1").ok(201)
    with acme.bound():
        SwarmSession.objects.filter(pk=session["id"]).update(status="stopped")
    return claim, hold.body


def test_after_a_stop_nothing_is_spent_captured_or_finished(acme: Stage, stopped_unswept: tuple[dict, dict]) -> None:
    claim, hold = stopped_unswept
    acme.ada.spend(claim, "1").refused(409, "stale_lease")
    acme.ada.post(f"transactions/{hold['id']}/capture", {"lease_token": claim["lease_token"]}).refused(
        409, "stale_lease"
    )
    acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).refused(
        409, "stale_lease"
    )
    acme.ada.finish(claim).refused(409, "stale_lease")


def test_after_a_stop_nothing_is_approved(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    acme.task(session)
    settle()
    (claim,) = acme.ada.claim()
    card = acme.ada.finish(claim, 0.8).ok()["review"]
    with acme.bound():
        SwarmSession.objects.filter(pk=session["id"]).update(status="stopped")
    acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}).refused(409, "session_ended")


def test_approving_a_result_made_for_an_older_goal_sends_it_back(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    task = acme.task(session)
    settle()
    (claim,) = acme.ada.claim()
    card = acme.ada.finish(claim, 0.8).ok()["review"]
    acme.otto.patch(f"sessions/{session['id']}", {"context": {"tone": "calm"}}).ok()
    assert acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}).ok()["status"] == "withdrawn"
    sent_back = acme.pia.get(f"tasks/{task['id']}").ok()
    assert (sent_back["status"], sent_back["error"]["code"], sent_back["attempt_count"]) == (
        "queued",
        "stale_result",
        0,
    )
    assert not sent_back["results"][0]["applied"]


@pytest.mark.parametrize(
    "more",
    [
        {"artifacts": [{"type": "post", "content": {"text": "a guaranteed return"}}]},
        {"output": {"a guaranteed return": 1}},
        {"output": {"text": "x " * 100_100 + "a guaranteed return"}},
    ],
    ids=["artifact", "key", "end"],
)
def test_topics_are_seen_wherever_they_stand(acme: Stage, settle: Settle, more: dict) -> None:
    acme.task(acme.session())
    settle()
    (claim,) = acme.ada.claim()
    assert acme.ada.finish(claim, 0.99, **more).ok()["outcome"] == "blocked"


def test_what_is_too_long_to_look_at_goes_to_a_person() -> None:
    subject = Subject(kind=Kind.RESULT, at=clock.now(), text="x" * (TEXT_MAX + 1), confidence=Decimal(1), risk_tier=3)
    judgement = triggers.judge_result(subject, evaluate(subject, ()), bands=bands(), attempts_left=1)
    assert (judgement.verdict, judgement.reasons[0].code) == ("review", "too_long")


def test_another_planner_neither_cancels_nor_retries(acme: Stage) -> None:
    task = acme.task(acme.session())
    paul = acme.otto.post("agents", {"name": "paul", "role": "planner"}).ok(201)
    acme.pia.secret, pia = paul["key"], acme.pia.secret
    acme.pia.post(f"tasks/{task['id']}/cancel").refused(403, "not_yours")
    acme.pia.post(f"tasks/{task['id']}/retry").refused(403, "not_yours")
    acme.pia.secret = pia
    assert acme.pia.post(f"tasks/{task['id']}/cancel").ok()["status"] == "cancelled"
