"""Claim: lease tasks to an agent, and hand a resumed task the money that was approved for it.

Locks: the agent by name (its slots are counted under it), then tasks by SKIP LOCKED, then concurrency limits by
name, then windows and transactions.
Dies before the commit: the ids stay in flight in Redis and come back after their deadline. Dies after it: the lease
lapses unless the agent learns of its claim and beats.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.kernel.actors import Actor
from chimera.kernel.errors import forbidden
from chimera.kernel.http.parsing import money_text
from commerce import actions as commerce
from swarm import shapes
from swarm.actions import agents, claims
from swarm.models import AgentProfile, Task
from swarm.states import AgentStatus


@dataclass(frozen=True)
class Claimed:
    """What an agent got; `early` are ids that Redis gave and a limit kept back, for the list they came from.

    `agent` is as its claim saw it, and `free` how many slots it had before.
    """

    agent: AgentProfile
    free: int
    claims: "list[Claim]"
    early: list[UUID]

    @property
    def able(self) -> bool:
        return self.free > 0 and self.agent.takes_work


@dataclass(frozen=True)
class Claim:
    task: Task
    resume: dict[str, Any] | None  # {review, note, transactions: [Transaction]}


def claim_tasks(
    *, agent_id: UUID, most: int, popped: Sequence[UUID], redis_away: bool, types: Sequence[str] = (), by: Actor
) -> Claimed:
    """At most `most` tasks, within the agent's free slots. A paused agent gets none; a suspended one 403.

    A silent one gets them: it was heard of before this (`agents.hear`), or is by this.
    """
    agent = agents.hold(agent_id)
    if agent.status == AgentStatus.SUSPENDED:
        raise forbidden("This agent was suspended; an operator lets it in again.", code="agent_suspended")
    free = claims.free_slots(agent)
    limit = min(most, free) if agent.takes_work else 0
    if limit == 0:
        return Claimed(agent, free, [], list(popped))
    chosen = claims.queued_for(agent, limit=limit, popped=popped, redis_away=redis_away, types=types)
    if popped and not (chosen.now or chosen.early):
        # None of these ids is work: they are old, or of a paused house, whose ids must not stand in the way of others'.
        chosen = claims.queued_for(agent, limit=limit, popped=[], redis_away=True, types=types)
    leased = claims.lease(agent=agent, task_ids=chosen.now, by=by)
    mine = [Claim(task=task, resume=_resume(task, resume, by)) for task, resume in leased]
    return Claimed(agent, free, mine, [task_id for task_id in chosen.early if task_id in set(popped)])


def show_claims(claimed: Sequence[Claim]) -> list[dict[str, Any]]:
    """As the API and the agents' socket show them, in one query."""
    shown = shapes.tasks([claim.task for claim in claimed], with_results=False)
    return [_shown(claim, task) for claim, task in zip(claimed, shown, strict=True)]


def _shown(claim: Claim, task: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "task": task,
        "lease_token": str(claim.task.lease_token),
        "lease_expires_at": claim.task.lease_expires_at,
        "attempt": claim.task.attempt_count,
    }
    return fields | ({"resume": claim.resume} if claim.resume else {})


def _resume(task: Task, resume: dict[str, Any] | None, by: Actor) -> dict[str, Any] | None:
    if resume is None:
        return None
    assert task.lease_token is not None
    held = commerce.rebind(task_id=task.pk, lease_token=task.lease_token, by=by)
    return {"review": resume["review"], "note": resume["note"], "transactions": [_shape(t) for t in held]}


def _shape(transaction: Any) -> dict[str, Any]:
    return {
        "id": str(transaction.pk),
        "status": str(transaction.status),
        "amount_usd": money_text(transaction.amount_usd),
        "asset_symbol": transaction.asset_symbol,
        "payee": transaction.payee,
        "category": transaction.category,
    }
