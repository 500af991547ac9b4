"""A card as reviewers see it: its own fields, the result it is about, and the memories that were frozen with the task."""

from collections.abc import Sequence
from typing import Any

from memory import queries as memory
from safety.models import ReviewCard
from swarm.models import TaskResult


def show_reviews(cards: Sequence[ReviewCard]) -> list[dict[str, Any]]:
    """The review shape of /api/docs/."""
    # The ids find the results; the tasks' ids, by which results are partitioned, tell which partitions to look into.
    about = {c.result_id: c.task_id for c in cards if c.result_id}
    results = {r.id: r for r in TaskResult.objects.filter(id__in=list(about), task_id__in=set(about.values()))}
    frozen = memory.frozen_for_all({c.task_id for c in cards})
    return [
        _shape(card, results.get(card.result_id) if card.result_id else None, frozen.get(card.task_id, []))
        for card in cards
    ]


def _shape(card: ReviewCard, result: TaskResult | None, memories: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": card.pk,
        "kind": card.kind,
        "status": card.status,
        "reasons": card.reasons,
        "session": card.session_id,
        "task": card.task_id,
        "transaction": card.transaction_id,
        "action": None,
        "result": _result(result),
        "memories": memories,
        "claimed_by": card.claimed_by.get_username() if card.claimed_by else None,
        "claim_expires_at": card.claim_expires_at,
        "due_at": card.due_at,
        "decided_by": card.decided_by.get_username() if card.decided_by else None,
        "decided_at": card.decided_at,
        "note": card.note,
        "edited_payload": card.edited_payload,
        "created_at": card.created_at,
    }


def _result(result: TaskResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "id": result.id,
        "attempt": result.attempt,
        "status": result.status,
        "output_payload": result.output_payload,
        "original_payload": result.original_payload,
        "confidence_score": float(result.confidence_score) if result.confidence_score is not None else None,
        "judge_score": float(result.judge_score) if result.judge_score is not None else None,
        "reasoning": result.reasoning,
        "evidence": result.evidence,
    }
