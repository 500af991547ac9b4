"""Claim: lease tasks to an agent, and hand a resumed task the money that was approved for it.

Locks: the agent by name (its slots are counted under it), then tasks by SKIP LOCKED, then concurrency limits by
name, then windows (of all that resume, by id) and transactions.
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
from commerce.models import Transaction
from swarm import shapes
from swarm.actions import agents, claims, listed
from swarm.models import AgentProfile, Task
from swarm.states import AgentStatus

TOLD = ("review", "decision", "note", "action", "edited")  # of a decision, to who goes on after it


@dataclass(frozen=True)
class Claimed:
    """What an agent got; `early` are ids that Redis gave and a limit kept back, for the list they came from.

    `agent` is as its claim saw it, and `free` how many slots it had before.
    """

    agent: AgentProfile
    free: int
    claims: "list[Claim]"
    early: list[UUID]
    hands_out: bool = True  # neither the tenant nor everything is paused or stopped, as far as was asked

    @property
    def able(self) -> bool:
        return self.free > 0 and self.agent.takes_work and self.hands_out


@dataclass(frozen=True)
class Claim:
    task: Task
    resume: dict[str, Any] | None  # {review, decision, note, transactions: [Transaction], action?, edited?}
    waited: bool = True  # perhaps, for others


def claim_tasks(
    *,
    agent_id: UUID,
    most: int,
    popped: Sequence[UUID],
    redis_away: bool,
    types: Sequence[str] = (),
    by: Actor,
) -> Claimed:
    """At most `most` tasks, within the agent's free slots. A paused agent gets none, nor does anybody while the tenant or
    everything is paused or stopped; a suspended agent gets 403.

    A silent one gets them: it was heard of before this (`agents.hear`), or is by this.
    """
    agent, held, plain, hands_out = _plain(agent_id, most, popped, types, by)
    if agent.status == AgentStatus.SUSPENDED:
        raise forbidden("This agent was suspended; an operator lets it in again.", code="agent_suspended")
    free = max(agent.max_slots - held, len(plain))
    if not hands_out:  # The ids are in no list until it goes on: then they come back to the front (`dispatch.reopen`).
        return Claimed(agent, free, [], [], hands_out=False)
    mine = {claim.task.pk for claim in plain}
    left = [task_id for task_id in popped if task_id not in mine]
    room = min(most, free) - len(plain) if agent.takes_work else 0
    if room == 0 or (plain and not left):
        return Claimed(agent, free, plain, left)
    chosen = claims.queued_for(agent, limit=room, popped=left, redis_away=redis_away, types=types)
    if left and not (plain or chosen.now or chosen.early):
        # None of these ids is work: they are old, or of a paused house, whose ids must not stand in the way of others'.
        chosen = claims.queued_for(agent, limit=room, popped=[], redis_away=True, types=types)
    leased = claims.lease(agent=agent, task_ids=chosen.now, by=by)
    held_for = commerce.rebind({task.pk: _token(task) for task, resume in leased if resume is not None}, by=by)
    others = [Claim(task=task, resume=_resume(resume, held_for.get(task.pk, []))) for task, resume in leased]
    early = [task_id for task_id in chosen.early if task_id in set(left)]
    return Claimed(agent, free, sorted([*plain, *others], key=_best_first), early)


def _plain(
    agent_id: UUID, most: int, popped: Sequence[UUID], types: Sequence[str], by: Actor
) -> tuple[AgentProfile, int, "list[Claim]", bool]:
    """The agent, held, how many leases it had, what one statement claims of the ids that Redis gave, and whether it may."""
    if not popped:
        agent = agents.hold(agent_id)
        return agent, claims.held_by(agent), [], True
    taken = listed.take(agent_id=agent_id, most=most, popped=popped, types=types, by=by)
    plain = [Claim(task, None, task.pk in taken.awaited) for task in taken.tasks]
    return taken.agent, taken.held, plain, taken.hands_out


def _best_first(claim: "Claim") -> tuple[int, UUID]:
    return -claim.task.priority, claim.task.pk


def show_claims(claimed: Sequence[Claim]) -> list[dict[str, Any]]:
    """As the API and the agents' socket show them, in one query, or none when none had waited for others."""
    shown = shapes.fresh([claim.task for claim in claimed], waited={c.task.pk for c in claimed if c.waited})
    return [_shown(claim, task) for claim, task in zip(claimed, shown, strict=True)]


def _shown(claim: Claim, task: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "task": task,
        "lease_token": str(claim.task.lease_token),
        "lease_expires_at": claim.task.lease_expires_at,
        "attempt": claim.task.attempt_count,
    }
    return fields | ({"resume": claim.resume} if claim.resume else {})


def _token(task: Task) -> UUID:
    assert task.lease_token is not None
    return task.lease_token


def _resume(resume: dict[str, Any] | None, held: Sequence[Transaction]) -> dict[str, Any] | None:
    if resume is None:
        return None
    shown = {name: resume[name] for name in TOLD if name in resume}
    return shown | {"transactions": [_shape(t) for t in held]}


def _shape(transaction: Transaction) -> dict[str, Any]:
    return {
        "id": str(transaction.pk),
        "status": str(transaction.status),
        "amount_usd": money_text(transaction.amount_usd),
        "asset_symbol": transaction.asset_symbol,
        "payee": transaction.payee,
        "category": transaction.category,
        "purpose": transaction.purpose,
    }
