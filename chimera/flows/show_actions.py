"""Actions as the API and the agents' socket show them. Reads nothing: all of it is in their rows."""

from collections.abc import Sequence
from typing import Any

from chimera.flows.execute_action import Execution
from chimera.kernel.errors import Refused
from safety.models import Action
from safety.models.action import amount_text


def show_action(action: Action) -> dict[str, Any]:
    return {
        "id": action.pk,
        "task": action.task_id,
        "session": action.session_id,
        "agent": action.agent_id,
        "tool": action.tool,
        "arguments": action.arguments,
        "original_arguments": action.original_arguments,
        "amount_usd": amount_text(action.amount_usd),
        "asset_symbol": action.asset_symbol,
        "payee": action.payee,
        "category": action.category,
        "purpose": action.purpose,
        "status": str(action.status),
        "digest": action.digest,
        "document": action.document(),
        "policies": action.policies,
        "evidence": action.evidence,
        "reasons": action.reasons,
        "transaction": action.transaction_id,
        "review": action.review_id,
        "replaces": action.replaces,
        "resume_deadline": action.resume_deadline,
        "executed_by": action.executed_by,
        "executed_at": action.executed_at,
        "execution_deadline": action.execution_deadline,
        "output": action.output,
        "cost_usd": amount_text(action.cost_usd),
        "ended_at": action.ended_at,
        "ended_reason": action.ended_reason,
        "created_at": action.created_at,
    }


def show_actions(actions: Sequence[Action]) -> list[dict[str, Any]]:
    return [show_action(action) for action in actions]


def show_execution(execution: Execution) -> dict[str, Any]:
    action = execution.action
    return {
        "action": action.pk,
        "execution_token": execution.token,
        "tool": action.tool,
        "arguments": action.arguments,
        "execution_deadline": action.execution_deadline,
    }


def show_mismatch(execution: Execution) -> Refused:
    """As a problem. The death of the approval is a row, so it is answered, not raised."""
    assert execution.anew is not None
    if execution.anew.review_id:
        next_step = f"A person decides about it as it is now, in review {execution.anew.review_id}."
    else:
        next_step = f"As it is now it is {execution.anew.status}: {execution.anew.ended_reason}"
    return Refused(
        f"{execution.mismatch} {next_step}",
        code="approval_mismatch",
        status=409,
        extra={
            "action": str(execution.action.pk),
            "changed": list(execution.changed),
            "anew": show_action(execution.anew),
        },
    )
