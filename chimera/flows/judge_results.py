"""Judging: a judged task's result waits, BLOCKED, for a judge's task; the judge's score then decides in its place.

These steps run inside finish_task, decide_review, lapse_leases and cancel_task, under their locks.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.identity import Role
from commerce import actions as commerce
from safety import actions as safety
from safety import triggers
from safety.models import CardKind
from safety.triggers import Bands, Verdict
from swarm.actions import results, tasks
from swarm.actions.tasks import NewTask
from swarm.models import Task, TaskResult
from swarm.states import TaskStatus

JUDGE_TASK = "judge"


def together(task: Task) -> list[UUID]:
    """Which tasks a result locks together: a judge's own and the one it judges."""
    return [task.pk, task.parent_task_id] if is_verdict(task) and task.parent_task_id else [task.pk]


def is_verdict(task: Task) -> bool:
    return task.role == Role.JUDGE and task.type == JUDGE_TASK and task.parent_task_id is not None


def ask(*, subject: Task, result: TaskResult, by: Actor) -> Task:
    """Create the judge's task."""
    session = subject.session
    campaign = session.campaign
    asked = NewTask(
        session_id=session.pk,
        type=JUDGE_TASK,
        role=Role.JUDGE,
        parent_task_id=subject.pk,
        priority=min(100, subject.priority + 10),
        risk_tier=3,
        description=f"Score the result of {subject.type}"[:200],
        input_payload={
            "subject": {
                "task": str(subject.pk),
                "type": subject.type,
                "input_payload": subject.input_payload,
                "output_payload": result.output_payload,
                "confidence_score": float(result.confidence_score) if result.confidence_score is not None else None,
            },
            "goal": campaign.goal if campaign else "",
            "context": {**(campaign.context if campaign else {}), **session.context},
        },
    )
    (created,) = tasks.create(session=session, tasks=[asked], by=SYSTEM)
    return created


def apply_verdict(
    *, subject: Task, verdict: TaskResult, bands: Bands, stale: Callable[[Task], bool], by: Actor
) -> None:
    """The judge's score settles the judged task, unless a person was quicker or the task is gone."""
    card = safety.pending_of(subject.pk) if subject.status == TaskStatus.BLOCKED else None
    result = results.latest(subject.pk)
    if card is None or card.kind != CardKind.JUDGE or result is None:
        return
    results.settle(result=result, applied=False, judge_score=verdict.confidence_score)
    if stale(subject):
        safety.withdraw(task_id=subject.pk, reason="goal, budget or context changed", by=SYSTEM)
        commerce.void_all(task_id=subject.pk, reason="stale result", by=by)
        tasks.requeue(
            task=subject,
            code="stale_result",
            message="Goal, budget or context changed while its judge looked.",
            attempt_back=True,
            by=by,
        )
        return
    judgement = triggers.judge_result(
        text=triggers.readable(result.output_payload),
        score=verdict.confidence_score,
        risk_tier=2 if verdict.confidence_score is None else subject.risk_tier,
        bands=bands,
        attempts_left=subject.max_attempts - subject.attempt_count,
        judged=True,
    )
    match judgement.verdict:
        case Verdict.PASS:
            safety.withdraw(task_id=subject.pk, reason="passed by its judge", by=SYSTEM)
            results.settle(result=result, applied=True)
            commerce.capture_all(task_id=subject.pk, by=by)
            tasks.complete(task=subject, result_id=result.id, by=by)
        case Verdict.RETRY:
            safety.withdraw(task_id=subject.pk, reason="sent back by its judge", by=SYSTEM)
            commerce.void_all(task_id=subject.pk, reason="sent back by its judge", by=by)
            message = " ".join(filter(None, [judgement.reasons[0].detail, verdict.reasoning]))[:2000]
            tasks.requeue(task=subject, code="judged_low", message=message, by=by)
        case Verdict.REVIEW:
            safety.pass_to_people(
                card=card, reasons=[_with_words(r.shape(), verdict) for r in judgement.reasons], by=by
            )


def judge_lost(judge_task: Task, by: Actor) -> None:
    """A judge's task ended without a verdict: a person decides instead. The caller holds the judged task's lock too."""
    if not is_verdict(judge_task) or judge_task.parent_task_id is None:
        return
    card = safety.pending_of(judge_task.parent_task_id)
    if card is not None and card.kind == CardKind.JUDGE:
        reason = {"code": "judge_lost", "detail": "Its judge could not score it; a person decides."}
        safety.pass_to_people(card=card, reasons=[reason], by=by)


def _with_words(shape: dict[str, Any], verdict: TaskResult) -> dict[str, Any]:
    return shape if "evidence" in shape or not verdict.reasoning else shape | {"evidence": verdict.reasoning[:500]}
