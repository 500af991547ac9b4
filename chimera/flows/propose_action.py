"""Propose: an agent says what it wants to do to the world, before it does it; allowed, denied, or put before a person.

Locks: the task, then windows by id; the action, its transaction, and the card if a person must decide, are new.
Dies anywhere: nothing, or all of it. Repeated with the same Idempotency-Key it gets the same answer; without one the
allowed action is found again, as it is after an approval, and nothing is held twice.
"""

from typing import Any
from uuid import UUID

from chimera.flows.authorise_spend import SPENDERS, reasons_of
from chimera.flows.grounds import evidence_of, goal_of
from chimera.flows.placing import place_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale
from commerce import actions as commerce
from commerce.actions import Outcome, Purchase
from commerce.states import DeniedCode, MoneyStatus
from safety import actions as safety
from safety import quorum
from safety.actions import proposals
from safety.actions.proposals import Decided, Proposal
from safety.models import Action, CardKind
from safety.states import ActionStatus
from swarm.actions import tasks
from swarm.models import Task
from swarm.models.task import ExecutionMode

ACTORS = SPENDERS  # who may act on the world, at every door
DRY_RUN = {"code": str(DeniedCode.DRY_RUN), "detail": "This task is a dry run, and a dry run never executes an action."}


def propose_action(*, task_id: UUID, lease_token: UUID, agent_id: UUID, proposal: Proposal, by: Actor) -> Action:
    """The action, allowed, in review or denied. One that was approved, or allowed to this lease before, is answered with itself.

    Raises 404 and 409 `stale_lease` as any write of an agent, 409 `stale_task` when goal, budget or context changed since the
    claim; 422 for what is no purchase, and for numbers that not everybody reads alike.
    """
    task = tasks.lock(task_id)
    tasks.check_lease(task, lease_token, agent_id=agent_id)
    check_current(task)
    found = proposals.equal_of(task.pk, lease_token, proposal)
    if found is not None:
        proposals.rebind(action=found, lease_token=lease_token, by=by)
        return found
    return put(
        task=task,
        lease_token=lease_token,
        agent_id=agent_id,
        proposal=proposal,
        because=_done_perhaps(task, proposal),
        by=by,
    )


def _done_perhaps(task: Task, proposal: Proposal) -> dict[str, Any] | None:
    """Whoever asks for the same again may be doing it twice, unless what came of it the first time is known."""
    begun = proposals.unsettled(task.pk, proposal)
    if begun is None:
        return None
    return {
        "code": "outcome_unknown",
        "detail": f"The same was begun as action {begun.pk}, and nobody has said yet whether it was done.",
    }


def check_current(task: Task) -> None:
    if tasks.is_stale(task):
        raise Stale(
            "Goal, budget or context changed since you claimed this task; hand it in, and it is done anew.",
            code="stale_task",
        )


def put(
    *,
    task: Task,
    lease_token: UUID,
    agent_id: UUID,
    proposal: Proposal,
    because: dict[str, Any] | None = None,
    replaces: UUID | None = None,
    by: Actor,
) -> Action:
    """Decide it, and write it down. `because` is why a person must look in any case. The caller holds the task, and has checked its
    lease; afterwards it may be over."""
    action_id, card_id = safety.new_id(), safety.new_id()
    dry_run = task.execution_mode == ExecutionMode.DRY_RUN
    outcome = _reserved(task, lease_token, agent_id, proposal, action_id, card_id, dry_run=dry_run, by=by)
    reasons = [*([because] if because else []), *_money_reasons(outcome)]
    status = _status(outcome, dry_run=dry_run, asks=because is not None)
    if status is ActionStatus.DENIED:
        reasons = [DRY_RUN] if dry_run else _money_reasons(outcome)
    if status is ActionStatus.REVIEW:
        _ask_a_person(task, action_id, card_id, reasons, outcome, by)
    return proposals.propose(
        action_id=action_id,
        task_id=task.pk,
        session_id=task.session_id,
        agent_id=agent_id,
        lease_token=lease_token,
        proposal=proposal,
        decided=Decided(
            status=status,
            goal=goal_of(task),
            evidence=evidence_of(task.pk),
            reasons=reasons,
            transaction_id=outcome.transaction.pk if outcome else None,
            review_id=card_id if status is ActionStatus.REVIEW else None,
            replaces=replaces,
        ),
        by=by,
    )


def _reserved(
    task: Task,
    lease_token: UUID,
    agent_id: UUID,
    proposal: Proposal,
    action_id: UUID,
    card_id: UUID,
    *,
    dry_run: bool,
    by: Actor,
) -> Outcome | None:
    """Its money; None for an action that costs nothing."""
    if proposal.amount_usd is None:
        return None
    return commerce.reserve(
        place=place_of(task, agent_id),
        purchase=Purchase(
            amount_usd=proposal.amount_usd,
            asset_symbol=proposal.asset_symbol,
            payee=proposal.payee,
            category=proposal.category,
            purpose=proposal.purpose or proposal.tool,
            action=action_id,
        ),
        lease_token=lease_token,
        card_id=card_id,
        time_zone=tenant_time_zone(),
        dry_run=dry_run,
        by=by,
    )


def _status(outcome: Outcome | None, *, dry_run: bool, asks: bool) -> ActionStatus:
    money = outcome.transaction.status if outcome else None
    if dry_run or money == MoneyStatus.DENIED:
        return ActionStatus.DENIED
    return ActionStatus.REVIEW if asks or money == MoneyStatus.REVIEW else ActionStatus.ALLOWED


def _money_reasons(outcome: Outcome | None) -> list[dict[str, Any]]:
    if outcome is None:
        return []
    if outcome.refusal is not None:
        return [{"code": str(outcome.refusal.code), "detail": outcome.refusal.detail}]
    return [dict(reason) for reason in reasons_of(outcome)]


def _ask_a_person(
    task: Task, action_id: UUID, card_id: UUID, reasons: list[dict[str, Any]], outcome: Outcome | None, by: Actor
) -> None:
    """The task waits for the card, which keeps this money and every other hold of the task."""
    approvals = outcome.approvals if outcome else ()
    commerce.keep_by_card(task_id=task.pk, card_id=card_id, by=by)
    tasks.block(task=task, reason=reasons[0]["detail"], by=by)
    safety.open_card(
        task_id=task.pk,
        session_id=task.session_id,
        kind=CardKind.ACTION,
        reasons=reasons,
        transaction_id=outcome.transaction.pk if outcome else None,
        action_id=action_id,
        card_id=card_id,
        quorum=quorum.together((each.approvers, each.roles) for each in approvals) or None,
        by=by,
    )
