"""Authorise: hold money for a running task, or put the spend before a person, or write down why not.

Locks: the task, then windows by id; the transaction, and the card if a person must decide, are new. Dies
anywhere: nothing, or all of it. Repeated with the same Idempotency-Key it gets the same answer; a hold whose
answer was lost ends with its lease.
"""

from uuid import UUID

from chimera.flows.placing import place_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from chimera.kernel.http.parsing import money_text
from chimera.kernel.identity import Role
from commerce import actions as commerce
from commerce.actions import Approval, Outcome, Purchase
from commerce.models import Transaction
from commerce.states import MoneyStatus
from safety import actions as safety
from safety import quorum
from safety.models import CardKind
from swarm.actions import tasks
from swarm.models import Task
from swarm.models.task import ExecutionMode

SPENDERS = frozenset({Role.WORKER})  # who may ask for money, capture and void it, at every door


def authorise_spend(*, task_id: UUID, lease_token: UUID, agent_id: UUID, purchase: Purchase, by: Actor) -> Outcome:
    """The transaction that was written: held, in review or denied.

    Raises 404 and 409 `stale_lease` as any write of an agent.
    """
    task = tasks.lock(task_id)
    tasks.check_lease(task, lease_token, agent_id=agent_id)
    card_id = safety.new_id()
    outcome = commerce.reserve(
        place=place_of(task, agent_id),
        purchase=purchase,
        lease_token=lease_token,
        card_id=card_id,
        time_zone=tenant_time_zone(),
        dry_run=task.execution_mode == ExecutionMode.DRY_RUN,
        by=by,
    )
    if outcome.transaction.status == MoneyStatus.REVIEW:
        _ask_a_person(task, outcome, card_id, by)
    return outcome


def _ask_a_person(task: Task, outcome: Outcome, card_id: UUID, by: Actor) -> None:
    """The task waits for the card, and the card keeps this spend and every other hold of the task."""
    spend = outcome.transaction
    reasons = reasons_of(outcome)
    commerce.keep_by_card(task_id=task.pk, card_id=card_id, by=by)
    tasks.block(task=task, reason=reasons[0]["detail"], by=by)
    safety.open_card(
        task_id=task.pk,
        session_id=task.session_id,
        kind=CardKind.SPEND,
        reasons=reasons,
        transaction_id=spend.pk,
        card_id=card_id,
        quorum=quorum.together((each.approvers, each.roles) for each in outcome.approvals),
        by=by,
    )


def reasons_of(outcome: Outcome) -> list[dict[str, str]]:
    """Why people must approve it, strictest first; none where nobody must."""
    return [_reason(outcome.transaction, approval) for approval in outcome.approvals]


def _reason(spend: Transaction, approval: Approval) -> dict[str, str]:
    amount, above = money_text(spend.amount_usd), money_text(approval.above_usd)
    what = spend.payee or spend.category or "an unnamed payee"
    who = f" {approval.approvers} of {' or '.join(approval.roles)} must approve it." if approval.approvers > 1 else ""
    detail = f"{amount} USD for {what} is above the approval threshold of {above} USD.{who}"
    return {"code": "spend_above_threshold", "detail": detail}
