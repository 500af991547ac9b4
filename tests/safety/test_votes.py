"""Approvals by several: distinct people, the right roles, never who asked or whose agent it is; the last one acts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.utils import ProgrammingError

from chimera.flows.run_schedules import run_schedules
from chimera.kernel import clock
from chimera.kernel.identity import Role
from safety.models import ReviewCard, ReviewVote
from swarm.models import AgentProfile, Membership, Task
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent, task_row
from tests.console.desk import Desk
from tests.lanes import settle


def asking(stage: Stage, *tiers: dict[str, Any], **limits: str) -> dict[str, Any]:
    """A budget whose rules ask above five dollars."""
    budget = stage.budget(day_usd="100", **limits)
    rules = {"approvals": [{"above_usd": "5", **tier} for tier in tiers]}
    stage.fay.put(f"budgets/{budget['id']}/rules", {"rules": rules}).ok()
    return budget


def decide(who: Caller, card: str, decision: str = "approve", **more: Any) -> Said:
    return who.post(f"reviews/{card}/decision", {"decision": decision, "note": "seen"} | more)


def test_the_last_approval_that_is_needed_resumes_the_task_with_its_money(acme: Stage) -> None:
    budget = asking(acme, {"approvers": 2, "roles": ["reviewer", "finance"]})
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "8").ok(202)
    card = acme.rita.get(f"reviews/{spend['review']}").ok()
    assert card["approvals_needed"] == 2
    assert card["quorum"] == [{"approvers": 2, "roles": ["finance", "reviewer"], "given": 0}]
    assert "2 of reviewer or finance must approve" in card["reasons"][0]["detail"]
    first = decide(acme.rita, spend["review"]).ok()
    assert (first["status"], first["approvals_needed"], first["decided_by"]) == ("pending", 1, None)
    assert [(v["by"], v["roles"], v["counts"]) for v in first["votes"]] == [("rita@acme", ["reviewer"], True)]
    assert task_row(acme, claim).status == "blocked"
    last = decide(acme.fay, spend["review"]).ok()
    assert (last["status"], last["approvals_needed"], last["decided_by"]) == ("approved", 0, "fay@acme")
    assert [v["by"] for v in last["votes"]] == ["rita@acme", "fay@acme"]
    again = claimed_again(acme, claim)
    assert acme.ada.spend(again, "8").ok(201)["id"] == spend["id"]
    assert spent(acme, budget)[0] == "8.00"
    check_books(acme)


def test_the_approval_of_somebody_who_is_gone_counts_no_more(acme: Stage) -> None:
    asking(acme, {"approvers": 2})
    waiting = acme.ada.spend(at_work(acme), "8").ok(202)["review"]
    decided = acme.ada.spend(at_work(acme), "8").ok(202)["review"]
    for who, card in ((acme.rita, waiting), (acme.rita, decided), (acme.boss, decided)):
        decide(who, card).ok()
    with acme.bound():
        Membership.objects.filter(user_id=acme.rita.id).update(disabled_at=clock.now())
    assert decide(acme.boss, waiting).ok()["status"] == "pending"
    shown = [acme.anna.get(f"reviews/{card}").ok() for card in (waiting, decided)]
    assert [(card["status"], card["approvals_needed"]) for card in shown] == [("pending", 1), ("approved", 0)]
    assert [[vote["counts"] for vote in card["votes"]] for card in shown] == [[False, True], [True, True]]
    assert "1 of reviewer" in Desk(acme.boss).get(f"/admin/safety/reviewcard/{waiting}/").ok().text


def test_nobody_approves_twice(acme: Stage) -> None:
    asking(acme, {"approvers": 2})
    spend = acme.ada.spend(at_work(acme), "8").ok(202)
    decide(acme.rita, spend["review"]).ok()
    decide(acme.rita, spend["review"]).refused(409, "already_voted")
    assert acme.rita.get(f"reviews/{spend['review']}").ok()["approvals_needed"] == 1


def test_who_approved_may_still_reject_and_one_rejection_rejects(acme: Stage) -> None:
    budget = asking(acme, {"approvers": 2})
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "8").ok(202)
    decide(acme.boss, spend["review"]).ok()
    assert decide(acme.rita, spend["review"], "reject").ok()["status"] == "rejected"
    assert task_row(acme, claim).status == "failed"
    assert spent(acme, budget)[0] == "0.00"
    decide(acme.boss, spend["review"]).refused(409, "already_decided")


ROLES = ["rita", "fay", "otto", "anna", "boss"]  # reviewer, finance, operator, auditor, admin
MAY = [
    # whom the tier asks, who may approve; who else may at least reject
    (["reviewer"], {"rita", "boss"}, set()),
    (["finance"], {"fay", "boss"}, {"rita"}),
    (["operator"], {"otto", "boss"}, {"rita"}),
    (["admin"], {"boss"}, {"rita"}),
    (["finance", "reviewer"], {"fay", "rita", "boss"}, set()),
]


@pytest.mark.parametrize(("asked", "approve", "reject"), MAY, ids=lambda each: "+".join(sorted(each)))
def test_each_role_may_what_the_tier_says(acme: Stage, asked: list[str], approve: set[str], reject: set[str]) -> None:
    """Every approval is one of two, so the card stays and each can be tried with it."""
    asking(acme, {"approvers": 10, "roles": asked})
    card = acme.ada.spend(at_work(acme), "8").ok(202)["review"]
    for who in ROLES:
        said = decide(getattr(acme, who), card)
        assert (said.status == 200) == (who in approve), (who, said.body)
        if who not in approve:
            assert said["code"] == "role"
    for who in ROLES:
        said = decide(getattr(acme, who), card, "reject", note="")  # without words it is refused for that alone
        assert (said["code"] == "note_required") == (who in approve | reject), (who, said.body)


def test_every_budget_that_asks_must_be_answered(acme: Stage) -> None:
    """The strictest is named first; reviewers of the one do not stand in for finance of the other."""
    asking(acme, {"approvers": 1, "roles": ["finance"]})
    strict = acme.budget(scope="agent", scope_id=acme.ada.id, day_usd="100")
    rules = {"approvals": [{"above_usd": "1", "approvers": 2}]}
    acme.fay.put(f"budgets/{strict['id']}/rules", {"rules": rules}).ok()
    spend = acme.ada.spend(at_work(acme), "8").ok(202)
    assert spend["budgets"][0] == strict["id"]
    card = acme.rita.get(f"reviews/{spend['review']}").ok()
    assert [(d["approvers"], d["roles"]) for d in card["quorum"]] == [(2, ["reviewer"]), (1, ["finance"])]
    assert len(card["reasons"]) == 2
    decide(acme.rita, card["id"]).ok()
    assert decide(acme.boss, card["id"]).ok()["status"] == "approved", "an admin counts for both"


def test_the_simple_threshold_still_needs_one_reviewer(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    card = acme.ada.spend(at_work(acme), "8").ok(202)["review"]
    decide(acme.fay, card).refused(403, "role")
    assert decide(acme.rita, card).ok()["status"] == "approved"


def test_who_asked_for_the_task_does_not_approve_what_it_spends(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    _also_reviews(acme, acme.otto)
    card = acme.ada.spend(_asked_by(acme, acme.otto), "8").ok(202)["review"]
    decide(acme.otto, card).refused(403, "own_request")
    decide(acme.otto, card, "reject", note="").refused(422, "note_required")  # but may take it back
    assert decide(acme.rita, card).ok()["status"] == "approved"


@pytest.mark.parametrize("agent", ["ada", "pia"])
def test_the_owner_of_the_agent_that_spends_or_asked_does_not_approve(acme: Stage, agent: str) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    _also_reviews(acme, acme.otto)
    with acme.bound():
        AgentProfile.objects.filter(name=agent).update(registered_by=f"person:{acme.otto.id}")
    card = acme.ada.spend(at_work(acme), "8").ok(202)["review"]
    decide(acme.otto, card).refused(403, "own_request")
    assert decide(acme.rita, card).ok()["status"] == "approved"


def test_who_made_a_schedule_does_not_approve_what_its_tasks_spend(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    _also_reviews(acme, acme.otto)
    with clock.held(clock.now() + timedelta(minutes=61)):
        card = acme.ada.spend(_scheduled_by(acme, acme.otto), "8").ok(202)["review"]
        decide(acme.otto, card).refused(403, "own_request")
        assert decide(acme.rita, card).ok()["status"] == "approved"


def test_the_owner_of_the_agent_that_made_a_schedule_does_not_approve(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    _also_reviews(acme, acme.otto)
    with acme.bound():
        AgentProfile.objects.filter(name="pia").update(registered_by=f"person:{acme.otto.id}")
    with clock.held(clock.now() + timedelta(minutes=61)):
        card = acme.ada.spend(_scheduled_by(acme, acme.pia), "8").ok(202)["review"]
        decide(acme.otto, card).refused(403, "own_request")
        assert decide(acme.rita, card).ok()["status"] == "approved"


def test_who_had_a_schedule_run_now_does_not_approve_what_its_task_spends(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    _also_reviews(acme, acme.otto)
    _schedule(acme, acme.pia, run_by=acme.otto)
    settle()
    (claim,) = acme.ada.claim()
    decide(acme.otto, acme.ada.spend(claim, "8").ok(202)["review"]).refused(403, "own_request")


def test_an_agent_knows_who_registered_it(acme: Stage) -> None:
    made = acme.otto.post("agents", {"name": "carl", "role": "worker"}).ok(201)
    with acme.bound():
        assert AgentProfile.objects.get(pk=made["id"]).registered_by == f"person:{acme.otto.id}"


def test_results_are_decided_by_one_reviewer_also_by_who_asked(acme: Stage) -> None:
    _also_reviews(acme, acme.otto)
    claim = _asked_by(acme, acme.otto)
    card = acme.ada.finish(claim, confidence=0.8).ok()["review"]
    assert decide(acme.otto, card).ok()["status"] == "approved"


def test_approvals_of_a_former_payload_count_no_more(acme: Stage) -> None:
    claim = at_work(acme)
    card = acme.ada.finish(claim, confidence=0.8, output={"text": "tide at six"}).ok()["review"]
    with acme.bound():
        ReviewCard.objects.filter(pk=card).update(quorum=[{"approvers": 2, "roles": ["reviewer", "finance"]}])
    decide(acme.fay, card).ok()
    edited = decide(acme.rita, card, edited_payload={"text": "tide at seven"}).ok()
    assert (edited["status"], edited["approvals_needed"]) == ("pending", 1)
    assert [(v["by"], v["counts"]) for v in edited["votes"]] == [("fay@acme", False), ("rita@acme", True)]
    done = decide(acme.fay, card).ok()
    assert (done["status"], done["edited_payload"]) == ("approved", {"text": "tide at seven"})
    with acme.bound():
        (result,) = Task.objects.get(pk=claim["task"]["id"]).results.all()
        assert result.output_payload == {"text": "tide at seven"}


def test_each_approval_but_the_last_is_told_as_one_and_the_last_as_the_decision(acme: Stage) -> None:
    asking(acme, {"approvers": 2})
    claim = at_work(acme)
    card = acme.ada.spend(claim, "8").ok(202)["review"]
    decide(acme.rita, card).ok()
    decide(acme.boss, card).ok()
    told = acme.pia.get(f"sessions/{claim['task']['session']}/events", limit="100").ok()["results"]
    ours = [e for e in told if e["payload"].get("aggregate_id") == card]
    assert [e["type"] for e in ours] == [
        "safety.review.opened.v1",
        "safety.review.voted.v1",
        "safety.review.decided.v1",
    ]
    assert [e["payload"]["aggregate_version"] for e in ours] == [1, 2, 3]
    assert ours[1]["payload"]["missing"] == "1 of reviewer"


def test_approvals_are_never_changed_or_removed_by_who_serves(acme: Stage) -> None:
    asking(acme, {"approvers": 2})
    decide(acme.rita, acme.ada.spend(at_work(acme), "8").ok(202)["review"]).ok()
    for sql in ("UPDATE safety_reviewvote SET roles = '{}'", "DELETE FROM safety_reviewvote"):
        with acme.bound(), pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(sql)
    with acme.bound():
        assert ReviewVote.objects.count() == 1


def _also_reviews(stage: Stage, who: Caller) -> None:
    with stage.bound():
        Membership.objects.filter(user_id=who.id).update(roles=[Role.OPERATOR, Role.REVIEWER])


def _asked_by(stage: Stage, person: Caller) -> dict[str, Any]:
    """Ada's claim of a task that a person made."""
    body = {"session": stage.session()["id"], "type": "research", "input_payload": {"question": "why"}}
    made = person.post("tasks", body).ok(201)
    settle()
    (claim,) = stage.ada.claim()
    assert claim["task"]["id"] == made["id"]
    return claim


def _schedule(stage: Stage, maker: Caller, run_by: Caller | None = None) -> None:
    campaign = stage.otto.post("campaigns", {"name": "tides", "goal": "dry feet"}).ok(201)["id"]
    body = {"name": "hourly", "cron": "0 * * * *", "overlap": "skip", "task": {"type": "report", "input_payload": {}}}
    made = maker.post(f"campaigns/{campaign}/schedules", body).ok(201)
    if run_by:
        run_by.post(f"schedules/{made['id']}/run").ok(201)


def _scheduled_by(stage: Stage, maker: Caller) -> dict[str, Any]:
    """Ada's claim of a task that the schedule made when its time had come."""
    with clock.held(clock.now() - timedelta(minutes=61)):
        _schedule(stage, maker)
    assert run_schedules() == 1
    settle()
    (claim,) = stage.ada.claim()
    return claim
