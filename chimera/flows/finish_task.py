"""Finish: agents' results, fenced by their leases, settle their tasks and their money, and perhaps open cards, at once.

Locks: the task and, for a judge, the judged task by id, then the correlation key by name if there is one, then card, windows,
transactions. With a cost those it is counted in and
those of all that is settled with it are locked together, by id. A judge's task is created
without its session's lock: should the session stop meanwhile, the sweep cancels both.
Dies anywhere: nothing or all of it; the agent repeats, and (task, lease token) answers the same.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from chimera.flows import headlines, judge_results
from chimera.flows.ask_policies import Judged, bands, judge
from chimera.flows.asked import asked_by_result
from chimera.flows.decide_early import await_decision, meet_decisions
from chimera.flows.meter_lease import ask_about_money, meter_last
from chimera.kernel.actors import Actor
from chimera.kernel.errors import StaleLease, invalid
from chimera.kernel.http.parsing import money_text
from commerce import actions as commerce
from commerce.actions import Metered
from commerce.states import DeniedCode
from safety import actions as safety
from safety import triggers
from safety.models import CardKind, ReviewCard
from safety.policies import Due
from safety.states import CardStatus
from safety.triggers import Verdict
from swarm import shapes
from swarm.actions import results, tasks
from swarm.actions.backoff import Cause
from swarm.actions.results import NewResult
from swarm.models import Task, TaskResult


@dataclass(frozen=True, kw_only=True)
class Handed:
    """A result in an agent's hand."""

    task_id: UUID
    lease_token: UUID
    agent_id: UUID
    new: NewResult
    by: Actor
    shows: bool = False  # the answer is to show the task, as it is in the end
    judges: bool = False  # its agent is a judge


@dataclass(frozen=True)
class Finished:
    status: str  # the task's
    outcome: str  # completed | blocked | retrying | failed | stale
    review_id: UUID | None = None
    shown: dict[str, Any] | None = None  # the task, for those who want to see it


def finish_task(one: Handed) -> Finished:
    """Whatever becomes of a result. Raises 404 and 409 `stale_lease` as any write of an agent."""
    done = _settled(one)
    return replace(done, shown=shapes.task(tasks.read(one.task_id))) if one.shows else done


def _finished(task: Task, outcome: str, review_id: UUID | None = None) -> Finished:
    return Finished(str(task.status), outcome, review_id)


def _settled(one: Handed) -> Finished:
    lease_token, new, by = one.lease_token, one.new, one.by
    seen = tasks.read(one.task_id)
    locked = {t.pk: t for t in tasks.lock_all(judge_results.together(seen))}
    task = locked[one.task_id]
    if earlier := results.earlier(task.pk, lease_token):
        return _again(task, earlier, one.agent_id)
    tasks.check_lease(task, lease_token, agent_id=one.agent_id)
    await_decision(correlation_key=new.correlation_key, task=task, agent_id=one.agent_id if new.cost_usd else None)
    if new.cost_usd:
        metered = meter_last(task=task, lease_token=lease_token, agent_id=one.agent_id, cost_usd=new.cost_usd, by=by)
        if metered.over_usd:
            return _over_budget(task, lease_token, new, metered, by)
    if tasks.is_stale(task):
        return _stale(task, lease_token, new, by)
    if new.status == "failed":
        return _failed(task, lease_token, new, by)
    if judge_results.is_verdict(task):
        return _verdict(task, lease_token, new, locked, by)
    if task.judged:
        return _ask_judge(task, lease_token, new, by)
    return _succeeded(task, lease_token, new, by)


def _again(task: Task, earlier: TaskResult, agent_id: UUID) -> Finished:
    if earlier.agent_id != agent_id:
        raise StaleLease
    return _finished(task, earlier.outcome, earlier.review_id)


def _stale(task: Task, lease_token: UUID, new: NewResult, by: Actor) -> Finished:
    results.record(task=task, lease_token=lease_token, new=new, outcome="stale", applied=False)
    commerce.void_all(task_id=task.pk, reason="stale result", by=by)
    message = "Goal, budget or context changed while it ran; its result was kept, not applied."
    tasks.requeue(task=task, code="stale_result", message=message, attempt_back=True, by=by)
    return _finished(task, "stale")


def _failed(task: Task, lease_token: UUID, new: NewResult, by: Actor) -> Finished:
    error = _error_of(new)
    wait = _until_next(task, new)
    outcome = "failed" if wait is None else "retrying"
    results.record(task=task, lease_token=lease_token, new=new, outcome=outcome, applied=wait is None)
    commerce.void_all(task_id=task.pk, reason=f"task failed: {error['code']}", by=by)
    if wait is not None:
        tasks.requeue(task=task, code=error["code"], message=error["message"], wait=wait, by=by)
    else:
        tasks.fail(
            task=task, code=error["code"], message=error["message"], retryable=bool(error.get("retryable")), by=by
        )
        judge_results.judge_lost(task, by)
    return _finished(task, outcome)


def _error_of(new: NewResult) -> dict[str, Any]:
    return new.error or {"code": "failed", "message": ""}


def _until_next(task: Task, new: NewResult) -> timedelta | None:
    """How long a failed one waits for its next attempt; None where there is none."""
    error = _error_of(new)
    again_after = error.get("retry_after_seconds")
    return tasks.until_next(task, Cause.ERROR, retryable=bool(error.get("retryable")), retry_after_seconds=again_after)


def _verdict(task: Task, lease_token: UUID, new: NewResult, locked: dict[UUID, Task], by: Actor) -> Finished:
    score = triggers.judges_score(confidence=new.confidence_score, output=new.output_payload or {}, bands=bands())
    if score is None:
        raise invalid(
            "A judge's result needs its score: `confidence_score`, or `score` in `output_payload`, from 0 to 1.",
            field_name="confidence_score",
            code="score_missing",
        )
    result = results.record(task=task, lease_token=lease_token, new=new, outcome="completed", applied=True)
    tasks.complete(task=task, result_id=result.id, by=by)
    assert task.parent_task_id is not None
    judge_results.apply_verdict(
        judge_task=task, subject=locked[task.parent_task_id], verdict=result, score=score, by=by
    )
    return _finished(task, "completed")


def _ask_judge(task: Task, lease_token: UUID, new: NewResult, by: Actor) -> Finished:
    result = results.record(task=task, lease_token=lease_token, new=new, outcome="blocked", applied=False)
    reasons = [{"code": "awaits_judge", "detail": "Its judge has not scored it yet."}]
    card = _open_card(task, result, CardKind.JUDGE, reasons, by, new=new)
    if card.status == CardStatus.PENDING:  # else a person was quicker
        judge_results.ask(subject=task, result=result, by=by)
    return _finished(task, "blocked", card.pk)


def _succeeded(task: Task, lease_token: UUID, new: NewResult, by: Actor) -> Finished:
    judged = _judged(task, new)
    judgement = judged.judgement
    match judgement.verdict:
        case Verdict.PASS:
            result = results.record(task=task, lease_token=lease_token, new=new, outcome="completed", applied=True)
            commerce.capture_all(task_id=task.pk, by=by)
            says = bool(new.output_payload or new.reasoning)
            tasks.complete(task=task, result_id=result.id, says=says, by=by)
            outcome, card_id = "completed", None
        case Verdict.RETRY:
            result = results.record(task=task, lease_token=lease_token, new=new, outcome="retrying", applied=False)
            commerce.void_all(task_id=task.pk, reason="result sent back", by=by)
            tasks.requeue(task=task, code=judgement.code, message=judgement.reasons[0].detail, by=by)
            outcome, card_id = "retrying", None
        case Verdict.DENY:
            result = results.record(task=task, lease_token=lease_token, new=new, outcome="failed", applied=False)
            commerce.void_all(task_id=task.pk, reason="result denied by a policy", by=by)
            tasks.fail(task=task, code=judgement.code, message=judgement.reasons[0].detail, by=by)
            outcome, card_id = "failed", None
        case Verdict.REVIEW:
            result = results.record(task=task, lease_token=lease_token, new=new, outcome="blocked", applied=False)
            reasons = [r.shape() for r in judgement.reasons]
            card_id = _open_card(task, result, CardKind.RESULT, reasons, by, new=new, due=judged.due).pk
            outcome = "blocked"
    judged.keep(result_id=result.id, task=task, agent_id=result.agent_id)
    return _finished(task, outcome, card_id)


def _over_budget(task: Task, lease_token: UUID, new: NewResult, metered: Metered, by: Actor) -> Finished:
    """It has cost more than its budgets permit: a person looks, at the result if it can stand, else before there is another
    attempt. What has failed for good has nothing to wait for."""
    over, why = money_text(metered.over_usd), metered.refusal.detail if metered.refusal else ""
    reason = {
        "code": str(DeniedCode.BUDGET_EXCEEDED),
        "detail": f"It has cost {over} USD more than was held for it. {why}",
    }
    if new.status == "failed" and _until_next(task, new) is None:
        return _failed(task, lease_token, new, by)
    result = results.record(task=task, lease_token=lease_token, new=new, outcome="blocked", applied=False)
    stands = new.status != "failed" and not tasks.is_stale(task)
    if stands and (judged := _judged(task, new)).judgement.verdict not in (Verdict.RETRY, Verdict.DENY):
        reasons = [reason, *(r.shape() for r in judged.judgement.reasons)]
        card_id = _open_card(task, result, CardKind.RESULT, reasons, by, new=new, due=judged.due, nameable=False).pk
    else:
        card_id = ask_about_money(task, reason, metered, by)
        results.attach_review(result=result, review_id=card_id)
    return _finished(task, "blocked", card_id)


def said_in(new: NewResult) -> list[Any]:
    """What a result would tell the world: topics are looked for here."""
    return [new.output_payload, list(new.artifacts)]


def kept_of(new: NewResult) -> list[Any]:
    """All of it that is kept, and so may be read by somebody: personal data and secrets are looked for here."""
    return [*said_in(new), new.reasoning, new.evidence, new.metrics]


def _judged(task: Task, new: NewResult) -> Judged:
    assert task.agent_id is not None  # it has a lease
    return judge(task=task, agent_id=task.agent_id, said=said_in(new), kept=kept_of(new), score=new.confidence_score)


def _open_card(
    task: Task,
    result: TaskResult,
    kind: CardKind,
    reasons: list[dict[str, Any]],
    by: Actor,
    *,
    new: NewResult,
    due: Due | None = None,
    nameable: bool = True,
) -> ReviewCard:
    """It may be decided already when it comes back. One that is not `nameable` nobody approves by what it says alone: who approves it has
    to look at the card."""
    card_id = safety.new_id()
    tasks.block(task=task, reason="; ".join(r["detail"] for r in reasons), by=by)
    card = safety.open_card(
        task_id=task.pk,
        session_id=task.session_id,
        agent_id=result.agent_id,
        kind=kind,
        reasons=reasons,
        result_id=result.id,
        card_id=card_id,
        **headlines.of_result(task),
        due=due,
        correlation_key=new.correlation_key,
        asked=asked_by_result(new.output_payload, new.artifacts) if nameable else "",
        by=by,
    )
    commerce.keep_by_card(task_id=task.pk, card_id=card_id, by=by)
    results.attach_review(result=result, review_id=card_id)
    meet_decisions(card=card, task=task)
    return card
