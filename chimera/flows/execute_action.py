"""Execute: an agent shows again what it was allowed, and gets the token that lets it act, once. Anything else kills the approval.

Locks: the task (found unlocked first); then the action's transaction. Where something else is shown: budgets by id, if windows are
missing, and all windows by id, before the old money is given back and the new is held; card and action are new.
Dies before the commit: still allowed, and no token was given. Dies after it: it is being executed, and the agent that has no token
asks again with its Idempotency-Key; else nobody executes it, and after EXECUTION_MAX its money counts as spent. A mismatch is as
`propose_action`.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.flows.grounds import changed_since, goal_of
from chimera.flows.placing import place_of
from chimera.flows.propose_action import check_current, hold_of, purchase_of, put
from chimera.flows.read_usage import tenant_time_zone
from chimera.flows.weigh_action import Weighed, rules_in, weigh
from chimera.kernel.actors import Actor
from commerce import actions as commerce
from commerce.models import Transaction
from commerce.states import Keeper, MoneyStatus
from safety.actions import proposals
from safety.actions.proposals import Proposal
from safety.models import Action
from swarm.actions import tasks
from swarm.models import Task

NAMES = {
    "digest": "the digest that was shown",
    "arguments": "its arguments",
    "goal": "the goal, budget or context of its session",
    "evidence": "a memory that its agent had been shown",
    "hold": "the money that was held for it",
    "policy": "what the policies say of it",
}


@dataclass(frozen=True)
class Execution:
    """`token` for the very same; else what was `changed`, and the action that stands `anew` before a person."""

    action: Action
    token: str | None = None
    changed: tuple[str, ...] = ()
    anew: Action | None = None

    @property
    def mismatch(self) -> str:
        """In a sentence."""
        return f"This is not what was allowed: {' and '.join(NAMES[name] for name in self.changed)} changed."


def execute_action(
    *,
    action_id: UUID,
    lease_token: UUID,
    agent_id: UUID,
    digest: str | None = None,
    arguments: dict[str, Any] | None = None,
    by: Actor,
) -> Execution:
    """Shown is the `digest`, or the `arguments` themselves. A mismatch is written down, so it is answered and not raised.

    Raises 404 and 409 `stale_lease` as any write of an agent, 409 `stale_task`, and 409 for what cannot be executed:
    `already_executed`, `action_in_review`, `action_denied`, `action_dead`.
    """
    seen: Action = Action.objects.get_or_refuse(action_id)
    task = tasks.lock(seen.task_id)
    tasks.check_lease(task, lease_token, agent_id=agent_id)
    action: Action = Action.objects.get_or_refuse(action_id)
    proposals.check_executable(action, lease_token)
    check_current(task)
    hold = hold_of(action, lease_token)
    changed = (
        *_changed(task, action, hold, digest, arguments),
        *(["policy"] if _is_stopped_by_now(task, action, agent_id) else []),
    )
    if changed:
        return _refuse(task, action, lease_token, agent_id, changed, arguments, by)
    if hold is not None:
        commerce.keep_by_action(transaction=hold, by=by)
    return Execution(action, token=proposals.begin(action=action, agent_id=agent_id, by=by))


def check_held(*, action_id: UUID, lease_token: UUID, agent_id: UUID) -> None:
    """Whether a token that was given may be shown again. Raises 404 and 409 `stale_lease` as the execution itself: who lost the lease
    by a stop, a cancel or a lapse begins nothing; and 409 `already_executed` once somebody has said what came of it."""
    seen: Action = Action.objects.get_or_refuse(action_id)
    tasks.check_lease(tasks.lock(seen.task_id), lease_token, agent_id=agent_id)
    proposals.check_under_way(Action.objects.get_or_refuse(action_id))


def _changed(
    task: Task, action: Action, hold: Transaction | None, digest: str | None, arguments: dict[str, Any] | None
) -> tuple[str, ...]:
    """What is not as it was when it was decided: by what the agent shows, and by what stands here."""
    differs = {
        "digest": digest is not None and digest != action.digest,
        "arguments": arguments is not None and action.digest_with(arguments) != action.digest,
        "goal": goal_of(task) != action.goal,
        "evidence": changed_since(action.evidence),
        "hold": hold is None and action.transaction_id is not None,
    }
    return tuple(name for name, has in differs.items() if has)


def _is_stopped_by_now(task: Task, action: Action, agent_id: UUID) -> bool:
    """Whether policies would decide otherwise now: more strictly, or by a rule that nobody has answered. A laxer word takes nothing
    from an approval."""
    proposal = _shown(action, None)
    weighed = weigh(task=task, agent_id=agent_id, proposal=proposal, purchase=purchase_of(proposal, action.pk))
    return weighed.is_stricter_than(action.ruled) or not weighed.asking <= _answered(action, weighed)


def _answered(action: Action, weighed: Weighed) -> set[tuple[str, str]]:
    """The rules that its approval has answered: those of its card; and where a person edited it, all of the versions that were asked."""
    told = rules_in(action.reasons)
    if action.original_arguments is None:
        return told
    asked = [known["policy"] for known in action.policies if known in weighed.policies]
    return told | {(policy, rule) for policy, rule in weighed.asking if policy in asked}


def _refuse(
    task: Task,
    action: Action,
    lease_token: UUID,
    agent_id: UUID,
    changed: tuple[str, ...],
    arguments: dict[str, Any] | None,
    by: Actor,
) -> Execution:
    """The approval is dead and its money free; what the agent shows now is put before a person."""
    execution = Execution(action, changed=changed)
    held = [action.transaction_id] if action.transaction_id else []
    rows = Transaction.objects.filter(pk__in=held, status=MoneyStatus.HELD, keeper=Keeper.LEASE)
    commerce.lock_ahead([place_of(task, agent_id)], settling=rows, time_zone=tenant_time_zone())
    for hold in commerce.locked(rows):
        commerce.void(transaction=hold, reason="what was shown is not what was allowed", by=by)
    proposals.end(action=action, reason=execution.mismatch, by=by)
    anew = put(
        task=task,
        lease_token=lease_token,
        agent_id=agent_id,
        proposal=_shown(action, arguments),
        because={"code": "approval_mismatch", "detail": f"{execution.mismatch} It was action {action.pk}."},
        replaces=action.pk,
        by=by,
    )
    return Execution(action, changed=changed, anew=anew)


def _shown(action: Action, arguments: dict[str, Any] | None) -> Proposal:
    return Proposal(
        tool=action.tool,
        arguments=action.arguments if arguments is None else arguments,
        amount_usd=action.amount_usd,
        asset_symbol=action.asset_symbol or proposals.DEFAULT_ASSET,
        payee=action.payee,
        category=action.category,
        purpose=action.purpose,
    )
