"""Results: kept once per (task, lease token), whether or not they are applied."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.kernel.errors import StaleLease
from swarm.models import Task, TaskArtifact, TaskResult
from swarm.states import TaskStatus


@dataclass(frozen=True, kw_only=True)
class NewResult:
    """What an agent hands in."""

    status: str  # succeeded | failed
    output_payload: dict[str, Any] | None = None
    confidence_score: Decimal | None = None
    reasoning: str = ""
    evidence: list[Any] = field(default_factory=list)
    artifacts: Sequence[dict[str, Any]] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None  # {code, message, retryable, retry_after_seconds}
    cost_usd: Decimal | None = None  # what its lease has cost in all, as heartbeats say it
    correlation_key: str = ""  # under which a decision may be there already, if a person must decide


def earlier(task_id: UUID, lease_token: UUID) -> TaskResult | None:
    """The result already handed in under this lease; a repeated call is answered from it."""
    return TaskResult.objects.filter(task_id=task_id, lease_token=lease_token).first()


def record(*, task: Task, lease_token: UUID, new: NewResult, outcome: str, applied: bool) -> TaskResult:
    """Keep a result made under the task's present lease. Call before the status changes: it names agent and attempt."""
    if task.status != TaskStatus.RUNNING or task.agent_id is None:
        raise StaleLease
    result: TaskResult = TaskResult.objects.create(
        task=task,
        lease_token=lease_token,
        agent_id=task.agent_id,
        attempt=task.attempt_count,
        status=new.status,
        output_payload=new.output_payload if new.status == "succeeded" else None,
        error=new.error,
        confidence_score=new.confidence_score,
        reasoning=new.reasoning,
        evidence=new.evidence,
        metrics=new.metrics,
        outcome=outcome,
        applied=applied,
    )
    keep_artifacts([(task.pk, result.id, new.artifacts)])
    return result


def keep_artifacts(of: Sequence[tuple[UUID, UUID, Sequence[dict[str, Any]]]]) -> None:
    """(task, result, its artifacts): those of all in one statement; none for none."""
    rows = [
        TaskArtifact(
            task_id=task_id, result_id=result_id, type=a["type"], content=a.get("content"), uri=a.get("uri", "")
        )
        for task_id, result_id, artifacts in of
        for a in artifacts
    ]
    if rows:
        TaskArtifact.objects.bulk_create(rows)


def settle(
    *,
    result: TaskResult,
    applied: bool,
    output_payload: dict[str, Any] | None = None,
    judge_score: Decimal | None = None,
) -> None:
    """A decision or a judge settled it: whether it counts, with an edited output (the agent's own is kept) or the judge's score."""
    changes: dict[str, Any] = {"applied": applied}
    if output_payload is not None:
        changes |= {"output_payload": output_payload, "original_payload": result.output_payload}
    if judge_score is not None:
        changes["judge_score"] = judge_score
    TaskResult.objects.filter(task_id=result.task_id, lease_token=result.lease_token).update(**changes)
    for name, value in changes.items():
        setattr(result, name, value)


def attach_review(*, result: TaskResult, review_id: UUID) -> None:
    TaskResult.objects.filter(task_id=result.task_id, lease_token=result.lease_token).update(review_id=review_id)
    result.review_id = review_id


def of_task(task_id: UUID, result_id: UUID | None) -> TaskResult | None:
    """The very result that a card or an event names."""
    return TaskResult.objects.filter(task_id=task_id, id=result_id).first() if result_id else None


def artifacts_of(result: TaskResult) -> list[dict[str, Any]]:
    """As they were handed in: [{type, content | uri}]."""
    rows = TaskArtifact.objects.filter(task_id=result.task_id, result_id=result.id).order_by("id")
    return [
        {"type": a.type, "uri": a.uri} if a.content is None else {"type": a.type, "content": a.content} for a in rows
    ]


def contents(result: TaskResult) -> list[Any]:
    """What it would tell the world: output and artifacts."""
    artifacts = TaskArtifact.objects.filter(task_id=result.task_id, result_id=result.id).order_by("id")
    return [
        result.output_payload,
        *artifacts.values_list("content", flat=True),
        *artifacts.values_list("uri", flat=True),
    ]


def kept(result: TaskResult) -> list[Any]:
    """All of it that somebody may read."""
    return [*contents(result), result.reasoning, result.evidence, result.metrics]
