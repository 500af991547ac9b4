"""Decisions and questions that meet: a decision that is there first is kept under the key of its question, and the card is then
born with it.

Locks: who decides holds the key by name, and nothing after it; where a card is open already it lets the key go, and decides as
`decide_review`. Who asks holds its task, then the key, then windows.
Dies anywhere: the decision is kept or not, and its caller repeats it; the card is open and decided, or neither, and its agent repeats.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from chimera.flows.decide_review import Said, decide_review, settle
from chimera.flows.placing import place_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused
from commerce import actions as commerce
from commerce.models import Transaction
from safety.actions import early
from safety.models import EarlyDecision, ReviewCard
from safety.states import Decision
from swarm.models import Task


def decide_early(
    *,
    correlation_key: str,
    decision: Decision,
    digest: str = "",
    note: str = "",
    expires_at: datetime | None = None,
    by: Actor,
) -> EarlyDecision | ReviewCard:
    """The card, decided, where one is open under this key; else what is kept for it.

    Refuses as `decide_review`, and 409 `approval_mismatch` where something else than `digest` is asked; 409 `already_decided`
    where the last card of this key is no longer open.
    """
    with transaction.atomic():
        early.hold(correlation_key)
        card = early.pending_card(correlation_key)
        if card is None:
            return early.keep(
                correlation_key=correlation_key,
                decision=decision,
                digest=digest,
                note=note,
                expires_at=expires_at,
                by=by,
            )
        transaction.set_rollback(True)  # lets the key go: decisions lock the task first, and who asks holds it already
    shown = digest if decision is Decision.APPROVE else None
    return decide_review(card_id=card.pk, decision=decision, note=note, edited_payload=None, digest=shown, by=by)


def await_decision(*, correlation_key: str, task: Task, agent_id: UUID | None = None) -> None:
    """Before anything is written that may lead to a card: the key is ours alone until the end. With an `agent_id` money is asked
    for: where a decision waits, all windows are locked that it might move.

    409 `correlation_key_taken`. The caller holds the task. Nothing happens without a key.
    """
    if not correlation_key:
        return
    early.hold(correlation_key)
    early.check_free(correlation_key)
    if agent_id is not None and early.waiting_for(correlation_key):
        holds = Transaction.objects.of_task(task.pk).open()
        commerce.lock_ahead([place_of(task, agent_id)], settling=holds, time_zone=tenant_time_zone())


def meet_decisions(*, card: ReviewCard, task: Task) -> None:
    """The card has just been opened: what was decided before decides it, each as if its person did now. What does not count is
    put down with the reason, and the card waits for people."""
    if not card.correlation_key:
        return
    for one in early.waiting_for(card.correlation_key):
        by = Actor.person(one.person_id, one.person.get_username())
        try:
            with transaction.atomic():
                early.check_counts(one, card)
                said = Said(Decision(one.decision), one.note, said_at=one.created_at)
                settle(card=card, task=task, judges=NOBODY, said=said, by=by)
        except Refused as refusal:
            card.refresh_from_db()
            task.refresh_from_db()
            early.refuse(early=one, card=card, why=refusal, by=by)
        else:
            early.use(early=one, card=card, by=by)


NOBODY: Sequence[Task] = ()
