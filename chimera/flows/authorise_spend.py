"""Authorise: hold money for a running task, or put the spend before a person, or write down why not. Policies rule first, then budgets.

Locks: the task, then its correlation key by name if it has one, then windows by id; the transaction, and the card if a person must
decide, are new. Dies anywhere: nothing, or all of it. Repeated with the same Idempotency-Key it gets the same answer; a hold whose
answer was lost ends with its lease.
"""

from typing import Any
from uuid import UUID

from chimera.flows import headlines
from chimera.flows.ask_policies import keep_shadows, rule_on_spend
from chimera.flows.asked import asked_by_spend
from chimera.flows.decide_early import await_decision, meet_decisions
from chimera.flows.placing import place_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from chimera.kernel.http.parsing import money_text
from chimera.kernel.identity import Role
from commerce import actions as commerce
from commerce.actions import Approval, Outcome, Purchase, Refusal
from commerce.models import Transaction
from commerce.states import DeniedCode, MoneyStatus
from safety import actions as safety
from safety import quorum
from safety.models import CardKind, ReviewCard
from safety.policies import Kind, Ruling, Then
from swarm.actions import tasks
from swarm.models import Task
from swarm.models.task import ExecutionMode

SPENDERS = frozenset({Role.WORKER})  # who may ask for money, capture and void it, at every door


def authorise_spend(*, task_id: UUID, lease_token: UUID, agent_id: UUID, purchase: Purchase, by: Actor) -> Outcome:
    """The transaction that was written: held, in review or denied.

    In review it is answered so, also where a decision was there already and the task goes on at once: this lease is over.
    Raises 404 and 409 `stale_lease` as any write of an agent, 409 `correlation_key_taken`.
    """
    task = tasks.lock(task_id)
    tasks.check_lease(task, lease_token, agent_id=agent_id)
    await_decision(correlation_key=purchase.correlation_key, task=task, agent_id=agent_id)
    card_id = safety.new_id()
    ruling = rule_on_spend(task=task, agent_id=agent_id, purchase=purchase)
    outcome = commerce.reserve(
        place=place_of(task, agent_id),
        purchase=purchase,
        lease_token=lease_token,
        card_id=card_id,
        time_zone=tenant_time_zone(),
        dry_run=task.execution_mode == ExecutionMode.DRY_RUN,
        refusal=refusal_of(ruling),
        review=ruling.then is Then.REVIEW,
        by=by,
    )
    spend = outcome.transaction
    if spend.version == 1:  # no hold that a card has let go on: those were ruled on then
        was = _BECAME.get(MoneyStatus(spend.status), Then.ALLOW)
        keep_shadows(ruling, kind=Kind.SPEND, subject_id=spend.pk, task=task, agent_id=agent_id, was=was)
    if spend.status == MoneyStatus.REVIEW:
        card = _ask_a_person(task, outcome, ruling, card_id, purchase.correlation_key, by)
        meet_decisions(card=card, task=task)
    return outcome


_BECAME = {MoneyStatus.REVIEW: Then.REVIEW, MoneyStatus.DENIED: Then.DENY}


def refusal_of(ruling: Ruling) -> Refusal | None:
    """A denying rule as the ledger keeps it."""
    if ruling.then is not Then.DENY:
        return None
    (reason,) = ruling.reasons
    return Refusal(
        code=DeniedCode.POLICY_DENIED,
        detail=reason.detail,
        rule=reason.rule,
        rules_version=reason.version,
        policy_id=UUID(reason.policy),
    )


def _ask_a_person(
    task: Task, outcome: Outcome, ruling: Ruling, card_id: UUID, correlation_key: str, by: Actor
) -> ReviewCard:
    """The task waits for the card, and the card keeps this spend and every other hold of the task."""
    spend = outcome.transaction
    reasons: list[dict[str, Any]] = [*reasons_of(outcome)]
    asked = [(each.approvers, each.roles) for each in outcome.approvals]
    if ruling.then is Then.REVIEW:
        reasons += [reason.shape() for reason in ruling.reasons]
        asked.append((1, (str(Role.REVIEWER),)))
    commerce.keep_by_card(task_id=task.pk, card_id=card_id, by=by)
    tasks.block(task=task, reason=reasons[0]["detail"], by=by)
    return safety.open_card(
        task_id=task.pk,
        session_id=task.session_id,
        agent_id=spend.agent_id,
        kind=CardKind.SPEND,
        reasons=reasons,
        transaction_id=spend.pk,
        card_id=card_id,
        quorum=quorum.together(asked),
        **headlines.of_spend(task, spend),
        due=ruling.due,
        correlation_key=correlation_key,
        asked=asked_by_spend(spend),
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
