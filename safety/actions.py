"""Cards: open, claim, approve, decide, expire, withdraw. What a decision does to task and money stands in flows.decide_review."""

import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F

from chimera.kernel import clock, ids
from chimera.kernel.actors import SYSTEM, Actor, ActorKind
from chimera.kernel.errors import Refused, conflict, forbidden, invalid
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import Role
from safety.events import ReviewClaimed, ReviewDecided, ReviewExpired, ReviewOpened, ReviewVoted, ReviewWithdrawn
from safety.models import CardKind, ReviewCard, ReviewVote
from safety.quorum import is_met, missing, one_reviewer, standing
from safety.states import CARD, DECIDED_AS, CardStatus, Decision

CLAIM = timedelta(minutes=10)  # a reviewer who walked away does not hold a card for longer


def new_id() -> UUID:
    return ids.uuid7()


def open_card(
    *,
    task_id: UUID,
    session_id: UUID,
    kind: str,
    reasons: list[dict[str, Any]],
    by: Actor,
    transaction_id: UUID | None = None,
    result_id: UUID | None = None,
    card_id: UUID | None = None,
    quorum: list[dict[str, Any]] | None = None,
) -> ReviewCard:
    """Ask a person, or those of `quorum`. The caller holds the task's lock and has it BLOCKED in the same transaction."""
    card = ReviewCard.objects.create(
        id=card_id or new_id(),
        task_id=task_id,
        session_id=session_id,
        kind=CardKind(kind),
        reasons=reasons,
        transaction_id=transaction_id,
        result_id=result_id,
        quorum=quorum or one_reviewer(),
        due_at=clock.now() + settings.CARD_DUE,
    )
    tell(ReviewOpened.about(card, due_at=card.due_at.isoformat(), transaction=transaction_id), by=by)
    return card


def lock(card_id: UUID) -> ReviewCard:
    """The card's row, locked; after its task, as everywhere (docs/locking.md)."""
    found: ReviewCard = ReviewCard.objects.select_for_update(no_key=True).get_or_refuse(card_id)
    return found


def claim(*, card: ReviewCard, by: Actor) -> None:
    """Tell colleagues that one is looking. Another reviewer's claim that has not lapsed is respected: 409."""
    user_id = _user_id(by)
    at = clock.now()
    check_pending(card)
    if card.claimed_by_id not in (None, user_id) and card.claim_expires_at and card.claim_expires_at > at:
        raise conflict(
            f"{card.claimed_by} is looking at it until {card.claim_expires_at:%H:%M} UTC.",
            code="claimed",
            claimed_by=str(card.claimed_by),
            claim_expires_at=card.claim_expires_at.isoformat(),
        )
    ReviewCard.objects.filter(pk=card.pk, status=CardStatus.PENDING).update(
        claimed_by_id=user_id, claim_expires_at=at + CLAIM
    )
    card.refresh_from_db()
    tell(ReviewClaimed.about(card, by_name=by.name), by=by)


def approve(
    *,
    card: ReviewCard,
    roles: frozenset[Role],
    barred: frozenset[int],
    note: str,
    edited_payload: dict[str, Any] | None,
    by: Actor,
) -> bool:
    """Keep one person's approval; True when nobody else is needed, and the caller then decides.

    With another payload than the card's, the approvals before it count no more, nor do those of people who are `barred` by
    now (their ids). Refuses: 403 `role` where no open demand takes the person's `roles`, 409 `already_voted`.
    """
    check_pending(card)
    _check_edit(card, Decision.APPROVE, edited_payload)
    if edited_payload is not None:
        card.edited_payload = edited_payload
    payload, user_id = digest_of(card.edited_payload), _user_id(by)
    before = list(ReviewVote.objects.filter(card=card, payload=payload).values_list("person_id", "roles"))
    if user_id in {person for person, _ in before}:
        raise conflict("You have approved this card already; somebody else is needed.", code="already_voted")
    counting = [given for person, given in before if person not in barred]
    demands = standing(card.quorum, counting)
    if not any(demand.takes(roles) and not demand.is_met for demand in demands):
        raise forbidden(f"This card needs {missing(demands)}; you are none of them.", code="role")
    ReviewVote.objects.create(card=card, person_id=user_id, roles=sorted(roles), payload=payload, note=note.strip())
    demands = standing(card.quorum, [*counting, roles])
    if is_met(demands):
        return True
    ReviewCard.objects.filter(pk=card.pk).update(edited_payload=card.edited_payload, version=F("version") + 1)
    card.refresh_from_db()
    tell(ReviewVoted.about(card, by_name=by.name, note=note.strip(), missing=missing(demands)), by=by)
    return False


def digest_of(payload: dict[str, Any] | None) -> str:
    """What approvals are bound to: an edited payload by its digest, "" for what was asked."""
    if payload is None:
        return ""
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def decide(
    *, card: ReviewCard, decision: Decision, note: str, edited_payload: dict[str, Any] | None, by: Actor
) -> None:
    """One winner: 409 `already_decided`, with who and when, for everybody after the first."""
    check_pending(card)
    if decision is not Decision.APPROVE and not note.strip():
        raise invalid(
            "Say why: a rejection or a request for changes needs a note.", field_name="note", code="note_required"
        )
    _check_edit(card, decision, edited_payload)
    CARD.advance(
        card,
        to=DECIDED_AS[decision],
        decided_by_id=_user_id(by),
        decided_at=clock.now(),
        note=note.strip(),
        edited_payload=edited_payload,
    )
    tell(ReviewDecided.about(card, by_name=by.name, note=card.note), by=by)


def pass_to_people(*, card: ReviewCard, reasons: list[dict[str, Any]], by: Actor) -> None:
    """The judge leaves it to a person (or was lost): the card joins the reviewers' queue, and its time begins anew."""
    due = clock.now() + settings.CARD_DUE
    ReviewCard.objects.filter(pk=card.pk, status=CardStatus.PENDING).update(
        kind=CardKind.RESULT, reasons=reasons, due_at=due, version=F("version") + 1
    )
    card.refresh_from_db()
    tell(ReviewOpened.about(card, due_at=due.isoformat(), transaction=card.transaction_id), by=by)


def pending_of(task_id: UUID) -> ReviewCard | None:
    """The task's pending card, locked, if there is one. The caller holds the task's lock."""
    found: ReviewCard | None = (
        ReviewCard.objects.select_for_update(no_key=True).filter(task_id=task_id, status=CardStatus.PENDING).first()
    )
    return found


def expire(*, card: ReviewCard) -> None:
    CARD.advance(card, to=CardStatus.EXPIRED, decided_at=clock.now(), note="Nobody decided in time.")
    tell(ReviewExpired.about(card), by=SYSTEM)


def withdraw(*, task_id: UUID, reason: str, by: Actor) -> ReviewCard | None:
    """Close the task's pending card, if there is one: its question is moot."""
    card = pending_of(task_id)
    if card is not None:
        CARD.advance(card, to=CardStatus.WITHDRAWN, decided_at=clock.now(), note=reason)
        tell(ReviewWithdrawn.about(card, reason=reason), by=by)
    return card


def check_pending(card: ReviewCard) -> None:
    """Raises 409 `already_decided`, naming who decided what and when."""
    if card.status == CardStatus.PENDING:
        return
    who = card.decided_by.get_username() if card.decided_by else "Chimera"
    when = f"{card.decided_at:%Y-%m-%d %H:%M} UTC" if card.decided_at else ""
    raise Refused(
        f"This card was already {card.status.replace('_', ' ')} by {who} at {when}.",
        code="already_decided",
        status=409,
        extra={
            "review_status": str(card.status),
            "decided_by": who,
            "decided_at": clock.written(card.decided_at) if card.decided_at else None,
        },
    )


def _check_edit(card: ReviewCard, decision: Decision, edited_payload: dict[str, Any] | None) -> None:
    if edited_payload is not None and (decision is not Decision.APPROVE or card.kind != CardKind.RESULT):
        raise invalid("`edited_payload` goes with the approval of a result.", field_name="edited_payload")


def _user_id(by: Actor) -> int:
    if by.kind is not ActorKind.PERSON:
        raise Refused("Only a person decides.", code="role", status=403)
    return int(by.id)
