"""Propose: an agent says what it wants to do to the world, before it does it; allowed, denied, or put before a person. Policies rule
first, then budgets.

Locks: the task, then its correlation key by name if it has one, then windows by id; the action, its transaction, and the card if a
person must decide, are new.
Dies anywhere: nothing, or all of it. Repeated with the same Idempotency-Key it gets the same answer; without one the
allowed action is found again, as it is after an approval, and nothing is held twice.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.flows import headlines
from chimera.flows.authorise_spend import SPENDERS, reasons_of
from chimera.flows.decide_early import await_decision, meet_decisions
from chimera.flows.grounds import evidence_of, goal_of
from chimera.flows.placing import place_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.flows.weigh_action import Weighed, weigh
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale
from chimera.kernel.identity import Role
from commerce import actions as commerce
from commerce.actions import Outcome, Purchase
from commerce.models import Transaction
from commerce.states import DeniedCode, Keeper, MoneyStatus
from safety import actions as safety
from safety import quorum
from safety.actions import proposals
from safety.actions.proposals import Decided, Proposal
from safety.models import Action, CardKind, ReviewCard
from safety.policies import Due, Then
from safety.states import ActionStatus
from swarm.actions import tasks
from swarm.models import Task
from swarm.models.task import ExecutionMode

ACTORS = SPENDERS  # who may act on the world, at every door
DRY_RUN = {"code": str(DeniedCode.DRY_RUN), "detail": "This task is a dry run, and a dry run never executes an action."}


def propose_action(*, task_id: UUID, lease_token: UUID, agent_id: UUID, proposal: Proposal, by: Actor) -> Action:
    """The action, allowed, in review or denied. One that was approved, or allowed to this lease before, is answered with itself.

    Raises 404 and 409 `stale_lease` as any write of an agent, 409 `stale_task` when goal, budget or context changed since the
    claim, 409 `correlation_key_taken`; 422 for what is no purchase, and for numbers that not everybody reads alike.
    """
    task = tasks.lock(task_id)
    tasks.check_lease(task, lease_token, agent_id=agent_id)
    check_current(task)
    await_decision(correlation_key=proposal.correlation_key, task=task, agent_id=agent_id)
    found = proposals.equal_of(task.pk, lease_token, proposal)
    if found is not None and (found.transaction_id is None or hold_of(found, lease_token)):
        proposals.rebind(action=found, lease_token=lease_token, by=by)
        return found
    if found is not None:
        proposals.end(action=found, reason="The money that was held for it is gone.", by=by)
    return put(
        task=task,
        lease_token=lease_token,
        agent_id=agent_id,
        proposal=proposal,
        because=_done_perhaps(task, proposal),
        by=by,
    )


def hold_of(action: Action, lease_token: UUID) -> Transaction | None:
    """Its money, if this lease keeps it; the task's lock covers it."""
    if action.transaction_id is None:
        return None
    held = Transaction.objects.filter(pk=action.transaction_id, status=MoneyStatus.HELD, keeper=Keeper.LEASE)
    found: Transaction | None = held.filter(lease_token=lease_token, amount_usd=action.amount_usd).first()
    return found


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
    purchase = purchase_of(proposal, action_id)
    weighed = weigh(task=task, agent_id=agent_id, proposal=proposal, purchase=purchase)
    asks = because is not None or weighed.then is Then.REVIEW
    outcome = _reserved(task, lease_token, agent_id, purchase, card_id, weighed, asks=asks, by=by) if purchase else None
    status = _status(task, weighed, outcome, asks=asks)
    reasons = _reasons(task, status, weighed, outcome, because)
    card = None
    if status is ActionStatus.REVIEW:
        waits = Waits(action_id, card_id, proposal, reasons, weighed.due, only_money=not asks)
        card = _ask_a_person(task, agent_id, waits, outcome, by)
    weighed.keep(action_id=action_id, task=task, agent_id=agent_id, was=BECAME[status])
    action = proposals.propose(
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
            policies=weighed.policies,
            ruled=weighed.then.value,
            reasons=reasons,
            transaction_id=outcome.transaction.pk if outcome else None,
            review_id=card.pk if card else None,
            replaces=replaces,
        ),
        by=by,
    )
    if card:
        meet_decisions(card=card, task=task)
    return action


BECAME = {ActionStatus.ALLOWED: Then.ALLOW, ActionStatus.REVIEW: Then.REVIEW, ActionStatus.DENIED: Then.DENY}


def purchase_of(proposal: Proposal, action_id: UUID) -> Purchase | None:
    """What it would buy; None for an action that costs nothing."""
    if proposal.amount_usd is None:
        return None
    return Purchase(
        amount_usd=proposal.amount_usd,
        asset_symbol=proposal.asset_symbol,
        payee=proposal.payee,
        category=proposal.category,
        purpose=proposal.purpose or proposal.tool,
        action=action_id,
    )


def _reserved(
    task: Task,
    lease_token: UUID,
    agent_id: UUID,
    purchase: Purchase,
    card_id: UUID,
    weighed: Weighed,
    *,
    asks: bool,
    by: Actor,
) -> Outcome:
    return commerce.reserve(
        place=place_of(task, agent_id),
        purchase=purchase,
        lease_token=lease_token,
        card_id=card_id,
        time_zone=tenant_time_zone(),
        dry_run=_is_dry(task),
        refusal=weighed.refusal,
        review=asks,
        by=by,
    )


def _is_dry(task: Task) -> bool:
    return task.execution_mode == ExecutionMode.DRY_RUN


def _status(task: Task, weighed: Weighed, outcome: Outcome | None, *, asks: bool) -> ActionStatus:
    money = outcome.transaction.status if outcome else None
    if _is_dry(task) or weighed.then is Then.DENY or money == MoneyStatus.DENIED:
        return ActionStatus.DENIED
    return ActionStatus.REVIEW if asks or money == MoneyStatus.REVIEW else ActionStatus.ALLOWED


def _reasons(
    task: Task, status: ActionStatus, weighed: Weighed, outcome: Outcome | None, because: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Why it was denied, or all that a person should know."""
    if _is_dry(task):
        return [DRY_RUN]
    if status is ActionStatus.DENIED:
        return weighed.reasons if weighed.then is Then.DENY else _refused(outcome)
    money = [dict(reason) for reason in reasons_of(outcome)] if outcome else []
    return [*([because] if because else []), *money, *weighed.reasons]


def _refused(outcome: Outcome | None) -> list[dict[str, Any]]:
    assert outcome is not None
    assert outcome.refusal is not None
    return [{"code": str(outcome.refusal.code), "detail": outcome.refusal.detail}]


@dataclass(frozen=True, slots=True)
class Waits:
    """An action that is to wait for a person, and for how long; `only_money`: only its budgets want that."""

    action_id: UUID
    card_id: UUID
    proposal: Proposal
    reasons: list[dict[str, Any]]
    due: Due | None
    only_money: bool


def _ask_a_person(task: Task, agent_id: UUID, waits: Waits, outcome: Outcome | None, by: Actor) -> ReviewCard:
    """The task waits for the card, which keeps this money and every other hold of the task."""
    asked: list[tuple[int, tuple[str, ...]]] = (
        [(each.approvers, each.roles) for each in outcome.approvals] if outcome else []
    )
    if not waits.only_money:
        asked.append((1, (str(Role.REVIEWER),)))
    commerce.keep_by_card(task_id=task.pk, card_id=waits.card_id, by=by)
    tasks.block(task=task, reason=waits.reasons[0]["detail"], by=by)
    return safety.open_card(
        task_id=task.pk,
        session_id=task.session_id,
        agent_id=agent_id,
        kind=CardKind.ACTION,
        reasons=waits.reasons,
        transaction_id=outcome.transaction.pk if outcome else None,
        action_id=waits.action_id,
        card_id=waits.card_id,
        quorum=quorum.together(asked),
        **headlines.of_action(task, waits.proposal),
        due=waits.due,
        correlation_key=waits.proposal.correlation_key,
        asked=waits.proposal.asked(),
        by=by,
    )
