"""Decide: a decision settles card, task and money in one transaction; the task is resumed exactly once.

A rejection and a request for changes need one person, an approval as many as the card's quorum asks for: the last of them
decides, those before only leave their approval with the card.

Locks: the task (with its judge's, if one is at it), then the card, then windows and transactions. Before them a result's text is read for
topics, where policies ask for it: that may take half a second.
Dies anywhere: the card is still pending and everything as before, or decided and everything settled; the dispatch of the
resumed task follows from the event log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.flows import judge_results, requesters, voters
from chimera.flows.asked import edit_of
from chimera.flows.grounds import goes_by_goal
from chimera.flows.refuse_denied import check_not_denied, look_ahead
from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale, conflict, forbidden
from chimera.kernel.identity import Role
from commerce import actions as commerce
from safety import actions as safety
from safety.actions import early
from safety.models import CardKind, ReviewCard
from safety.quorum import STOPPED
from safety.states import CardStatus, Decision
from swarm.actions import results, tasks
from swarm.models import Membership, Task
from swarm.states import SESSION_OPEN, StopKind, TaskStatus


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says to a card: of what (`digest`; None: of whatever stands there), and when, where that was before it."""

    decision: Decision
    note: str = ""
    edited_payload: dict[str, Any] | None = None
    digest: str | None = None
    seen_version: int | None = None  # of the card, as somebody read it
    said_at: datetime | None = None


def decide_review(
    *,
    card_id: UUID,
    decision: Decision,
    note: str,
    edited_payload: dict[str, Any] | None,
    digest: str | None = None,
    seen_version: int | None = None,
    by: Actor,
) -> ReviewCard:
    """The card as it is afterwards, still pending where more people must approve. 409 `already_decided` for everybody after
    the decision, `already_voted`, `approval_mismatch` where something else than `digest` is asked by now, `session_ended` after
    a stop of its session, `stopped` for approving while all work is; 403 `role`, and for approving one's own `own_request`; 409
    `stale` where the card is another by now than the `seen_version`, `policy_denied` for a result or a spend that a policy denies by now.

    Approving a result or an action that was made against an older goal, budget or context withdraws the card and sends the task
    back: it is kept as evidence, and not applied.
    """
    seen: ReviewCard = ReviewCard.objects.get_or_refuse(card_id)
    safety.check_pending(seen)
    if decision is Decision.APPROVE:
        look_ahead(card=seen, edited_payload=edited_payload)
    locked = {t.pk: t for t in tasks.lock_all([seen.task_id, *judge_results.open_judges(seen.task_id)])}
    task = locked.pop(seen.task_id)
    said = Said(decision, note, edited_payload, digest, seen_version)
    return settle(card=safety.lock(card_id), task=task, judges=list(locked.values()), said=said, by=by)


def settle(*, card: ReviewCard, task: Task, judges: Sequence[Task], said: Said, by: Actor) -> ReviewCard:
    """The same for who has locked the task, those of the judges that are at it, and the card."""
    safety.check_pending(card)
    if said.seen_version not in (None, card.version):
        raise Stale("This card has changed since you read it; look at it again.")
    _check_open(task, said.decision)
    roles = _check_may(card, by)
    if said.digest is not None:
        early.check_digest(card, said.digest)
    if said.decision is Decision.APPROVE and goes_by_goal(card) and tasks.is_stale(task):
        return _send_back(card, task, by)
    safety.check_edit(card, said.decision, said.edited_payload)
    if said.decision is Decision.APPROVE:
        check_not_denied(card=card, task=task, edited_payload=said.edited_payload)
        barred = _check_not_own(card, by) | voters.gone(card)
        edit = edit_of(card, said.edited_payload) if said.edited_payload is not None else None
        if not safety.approve(card=card, roles=roles, barred=barred, note=said.note, edit=edit, by=by):
            return card
    safety.decide(card=card, decision=said.decision, note=said.note, said_at=said.said_at, by=by)
    judge_results.dismiss(judges, "a person decided first", by)
    match said.decision:
        case Decision.APPROVE:
            _approve(card, task, by)
        case Decision.REJECT:
            commerce.deny_review(task_id=task.pk, card_id=card.pk, reason=f"rejected: {card.note}", by=by)
            tasks.fail(task=task, code="rejected", message=f"Rejected by {by.name}: {card.note}", by=by)
        case Decision.REQUEST_CHANGES:
            commerce.deny_review(task_id=task.pk, card_id=card.pk, reason=f"changes requested: {card.note}", by=by)
            counts = card.kind == CardKind.MANUAL  # its first claim is its first attempt; resuming uses up none
            tasks.go_on(task=task, after=_after(card), counts=counts, by=by)
    return card


def _check_open(task: Task, decision: Decision) -> None:
    if task.status != TaskStatus.BLOCKED:
        raise Stale(f"Its task is {task.status}, no longer blocked.")
    if tasks.session_of(task).status not in SESSION_OPEN:
        raise conflict("Its session has ended; the card is being withdrawn.", code="session_ended")
    if decision is Decision.APPROVE and task.acting_stop == StopKind.STOP:
        raise conflict(STOPPED, code="stopped")


def _after(card: ReviewCard) -> dict[str, Any]:
    """What the next claim is told that it goes on after."""
    after: dict[str, Any] = {"review": str(card.pk), "note": card.note, "decision": str(card.status)}
    if card.status == CardStatus.APPROVED and card.action_id:
        after |= {"action": str(card.action_id), "edited": card.edited_payload is not None}
    return after


def _check_may(card: ReviewCard, by: Actor) -> frozenset[Role]:
    """The roles that the person has now; 403 unless reviewers' or of those whom the card asks."""
    found = Membership.objects.filter(user_id=int(by.id), disabled_at=None).values_list("roles", flat=True).first()
    roles = frozenset(Role(name) for name in found or [])
    safety.check_asked(card, roles)
    return roles


def _check_not_own(card: ReviewCard, by: Actor) -> frozenset[int]:
    """Who asked for it, as people's ids; 403 where that is the one who approves."""
    barred = requesters.barred([card]).get(card.pk, {})
    if why := barred.get(int(by.id)):
        raise forbidden(why, code="own_request")
    return frozenset(barred)


def _send_back(card: ReviewCard, task: Task, by: Actor) -> ReviewCard:
    made = "the action was proposed" if card.action_id else "the result was made"
    reason = f"goal, budget or context changed since {made}"
    withdrawn = safety.withdraw(task_id=task.pk, reason=reason, by=by)
    commerce.void_all(task_id=task.pk, reason="stale result", by=by)
    tasks.requeue(task=task, code="stale_result", message=f"Not applied: {reason}.", attempt_back=True, by=by)
    return withdrawn or card


def _approve(card: ReviewCard, task: Task, by: Actor) -> None:
    match CardKind(card.kind):
        case CardKind.SPEND | CardKind.ACTION:
            deadline = clock.now() + settings.RESUME_DEADLINE
            commerce.release_to_resume(task_id=task.pk, card_id=card.pk, deadline=deadline, by=by)
            tasks.go_on(task=task, after=_after(card), counts=False, by=by)
        case CardKind.MANUAL:
            tasks.go_on(task=task, after=_after(card), counts=True, by=by)
        case CardKind.RESULT | CardKind.JUDGE:
            result = results.of_task(task.pk, card.result_id)
            assert result is not None, "a card of a result has its result"
            results.settle(result=result, applied=True, output_payload=card.edited_payload)
            commerce.capture_all(task_id=task.pk, by=by)
            tasks.complete(task=task, result_id=result.id, by=by)
