"""Cards: open, claim, expire, withdraw. What a decision does to task and money stands in flows.decide_review."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock, ids
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import conflict
from chimera.kernel.eventlog import tell
from safety.actions import proposals, waiting
from safety.actions.deciding import check_pending, user_id
from safety.events import ReviewClaimed, ReviewExpired, ReviewOpened, ReviewWithdrawn
from safety.models import CardKind, ReviewCard
from safety.policies import Due
from safety.quorum import one_reviewer
from safety.states import CARD, CardStatus

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
    agent_id: UUID | None = None,
    transaction_id: UUID | None = None,
    result_id: UUID | None = None,
    action_id: UUID | None = None,
    card_id: UUID | None = None,
    quorum: list[dict[str, Any]] | None = None,
    headline: str = "",
    alike: str = "",
    due: Due | None = None,
    correlation_key: str = "",
    asked: str = "",
) -> ReviewCard:
    """Ask a person, or those of `quorum`, within the time that `due` gives. The caller holds the task's lock and has it BLOCKED in the
    same transaction."""
    card = ReviewCard.objects.create(
        id=card_id or new_id(),
        task_id=task_id,
        session_id=session_id,
        agent_id=agent_id,
        kind=CardKind(kind),
        reasons=reasons,
        transaction_id=transaction_id,
        result_id=result_id,
        action_id=action_id,
        quorum=quorum or one_reviewer(),
        headline=headline,
        alike=alike,
        correlation_key=correlation_key,
        asked=asked,
        **waiting.timing(due, quietly=kind == CardKind.JUDGE),
    )
    _tell_opened(card, by)
    return card


def _tell_opened(card: ReviewCard, by: Actor) -> None:
    tell(
        ReviewOpened.about(
            card,
            due_at=clock.written(card.due_at),
            transaction=card.transaction_id,
            correlation_key=card.correlation_key,
        ),
        by=by,
    )


def lock(card_id: UUID) -> ReviewCard:
    """The card's row, locked; after its task, as everywhere (docs/locking.md)."""
    found: ReviewCard = ReviewCard.objects.select_for_update(no_key=True).get_or_refuse(card_id)
    return found


def claim(*, card: ReviewCard, by: Actor) -> None:
    """Tell colleagues that one is looking. Another reviewer's claim that has not lapsed is respected: 409."""
    person = user_id(by)
    at = clock.now()
    check_pending(card)
    if card.claimed_by_id not in (None, person) and card.claim_expires_at and card.claim_expires_at > at:
        raise conflict(
            f"{card.claimed_by} is looking at it until {card.claim_expires_at:%H:%M} UTC.",
            code="claimed",
            claimed_by=str(card.claimed_by),
            claim_expires_at=card.claim_expires_at.isoformat(),
        )
    ReviewCard.objects.filter(pk=card.pk, status=CardStatus.PENDING).update(
        claimed_by_id=person, claim_expires_at=at + CLAIM
    )
    card.refresh_from_db()
    tell(ReviewClaimed.about(card, by_name=by.name), by=by)


def pass_to_people(*, card: ReviewCard, reasons: list[dict[str, Any]], due: Due | None = None, by: Actor) -> None:
    """The judge leaves it to a person (or was lost): the card joins the reviewers' queue, and its time begins anew."""
    ReviewCard.objects.filter(pk=card.pk, status=CardStatus.PENDING).update(
        kind=CardKind.RESULT, reasons=reasons, version=F("version") + 1, **waiting.timing(due)
    )
    card.refresh_from_db()
    _tell_opened(card, by)


def pending_of(task_id: UUID) -> ReviewCard | None:
    """The task's pending card, locked, if there is one. The caller holds the task's lock."""
    found: ReviewCard | None = (
        ReviewCard.objects.select_for_update(no_key=True).filter(task_id=task_id, status=CardStatus.PENDING).first()
    )
    return found


def expire(*, card: ReviewCard) -> None:
    CARD.advance(card, to=CardStatus.EXPIRED, decided_at=clock.now(), note="Nobody decided in time.")
    tell(ReviewExpired.about(card), by=SYSTEM)
    proposals.follow(card=card, by=SYSTEM)


def withdraw(*, task_id: UUID, reason: str, by: Actor) -> ReviewCard | None:
    """Close the task's pending card, if there is one: its question is moot."""
    card = pending_of(task_id)
    if card is not None:
        CARD.advance(card, to=CardStatus.WITHDRAWN, decided_at=clock.now(), note=reason)
        tell(ReviewWithdrawn.about(card, reason=reason), by=by)
        proposals.follow(card=card, by=by)
    return card
