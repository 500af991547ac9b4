"""Judging: a judged task's result waits, BLOCKED, for a judge's task; the judge's score then decides in its place.

These steps run inside finish_task, decide_review, lapse_leases and cancel_task, under their locks.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.flows.ask_policies import judge
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.identity import Role
from commerce import actions as commerce
from safety import actions as safety
from safety.models import CardKind, ReviewCard
from safety.triggers import Verdict
from swarm.actions import creating, results, tasks
from swarm.actions.creating import NewTask
from swarm.models import Task, TaskResult
from swarm.states import TASK_OPEN, TaskStatus

JUDGE_TASK = "judge"


def together(task: Task) -> list[UUID]:
    """Which tasks a result locks together: a judge's own and the one it judges."""
    return [task.pk, task.parent_task_id] if is_verdict(task) and task.parent_task_id else [task.pk]


def is_verdict(task: Task) -> bool:
    """Whether it is the task that `ask` made: nobody else can create one in the system's name."""
    made_here = task.created_by == str(SYSTEM) and task.type == JUDGE_TASK
    return made_here and task.role == Role.JUDGE and task.parent_task_id is not None


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
                "result": str(result.id),
                "type": subject.type,
                "input_payload": subject.input_payload,
                "output_payload": result.output_payload,
                "confidence_score": float(result.confidence_score) if result.confidence_score is not None else None,
            },
            "goal": campaign.goal if campaign else "",
            "answer": "confidence_score: your score of it, 0 to 1; output_payload: {verdict: pass | fail | uncertain, reasons}",
            "context": {**(campaign.context if campaign else {}), **session.context},
        },
    )
    (created,) = creating.create(session=session, tasks=[asked], by=SYSTEM)
    return created


def _waiting_card(judge_task: Task) -> ReviewCard | None:
    """The card of the very result that this judge was asked about, while it still waits for the judge."""
    assert judge_task.parent_task_id is not None
    card = safety.pending_of(judge_task.parent_task_id)
    asked = judge_task.input_payload["subject"]["result"]
    return card if card is not None and card.kind == CardKind.JUDGE and str(card.result_id) == asked else None


def apply_verdict(*, judge_task: Task, subject: Task, verdict: TaskResult, score: Decimal, by: Actor) -> None:
    """The judge's score settles the judged task, unless a person was quicker, or the result is another by now."""
    card = _waiting_card(judge_task) if subject.status == TaskStatus.BLOCKED else None
    result = results.of_task(subject.pk, card.result_id) if card else None
    if card is None or result is None:
        return
    results.settle(result=result, applied=False, judge_score=score)
    if tasks.is_stale(subject):
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
    judged = judge(
        task=subject,
        agent_id=result.agent_id,
        said=results.contents(result),
        kept=results.kept(result),
        score=score,
        judged=True,
    )
    judged.keep(result_id=result.id, task=subject, agent_id=result.agent_id)
    judgement = judged.judgement
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
            code = "judged_low" if judgement.code == "confidence_low" else judgement.code
            tasks.requeue(task=subject, code=code, message=message, by=by)
        case Verdict.DENY:
            safety.withdraw(task_id=subject.pk, reason="denied by a policy", by=SYSTEM)
            commerce.void_all(task_id=subject.pk, reason="result denied by a policy", by=by)
            tasks.fail(task=subject, code=judgement.code, message=judgement.reasons[0].detail, by=by)
        case Verdict.REVIEW:
            reasons = [_with_words(r.shape(), verdict) for r in judgement.reasons]
            safety.pass_to_people(card=card, reasons=reasons, due=judged.due, by=by)


def judged_by(task_id: UUID) -> list[Any]:
    """All that may be read of the result about which this task asks its judge; nothing where it asks about none."""
    task = Task.objects.filter(pk=task_id).first()
    if task is None or not is_verdict(task) or task.parent_task_id is None:
        return []
    asked = task.input_payload["subject"]["result"]
    result = TaskResult.objects.filter(task_id=task.parent_task_id, id=asked).first()
    return results.contents(result) if result else []


def judge_lost(judge_task: Task, by: Actor) -> None:
    """A judge's task ended without a verdict: a person decides instead. The caller holds the judged task's lock too."""
    if not is_verdict(judge_task):
        return
    if card := _waiting_card(judge_task):
        reason = {"code": "judge_lost", "detail": "Its judge could not score it; a person decides."}
        safety.pass_to_people(card=card, reasons=[reason], by=by)


def open_judges(task_id: UUID) -> list[UUID]:
    """Judges' tasks about a task that are still open."""
    mine = Task.objects.open().filter(parent_task_id=task_id, role=Role.JUDGE, type=JUDGE_TASK, created_by=str(SYSTEM))
    return list(mine.values_list("pk", flat=True))


def dismiss(judge_tasks: Sequence[Task], reason: str, by: Actor) -> None:
    """Nobody need judge any more. The caller has locked them with the judged task."""
    for judge_task in judge_tasks:
        if judge_task.status in TASK_OPEN:
            tasks.cancel(task=judge_task, reason=reason, by=by)


def _with_words(shape: dict[str, Any], verdict: TaskResult) -> dict[str, Any]:
    return shape if "evidence" in shape or not verdict.reasoning else shape | {"evidence": verdict.reasoning[:500]}
