"""Decisions that come before their question, kept under the key that the agent will ask with.

Whoever keeps one and whoever opens a card under the same key hold the key by name: one of them comes second, and sees the other.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model

from chimera.kernel import advisory, clock, tenancy
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import Refused, conflict, forbidden, invalid
from chimera.kernel.eventlog import tell
from safety.actions.deciding import check_note, check_pending, user_id
from safety.events import (
    EarlyDecisionExpired,
    EarlyDecisionKept,
    EarlyDecisionRefused,
    EarlyDecisionUsed,
    EarlyDecisionWithdrawn,
)
from safety.models import EarlyDecision, ReviewCard
from safety.states import EARLY, CardStatus, Decision, EarlyStatus

WAITING_MAX = 1_000  # of one person: more is no decision but a policy
FIRST = tuple(Decision)[1:] + tuple(Decision)[:1]  # of several the refusals come before the approvals


def hold(correlation_key: str) -> None:
    """Wait for whoever else is at this key, until the end of the transaction or of the savepoint around it."""
    advisory.hold(f"correlation|{tenancy.current()}|{correlation_key}")


def pending_card(correlation_key: str) -> ReviewCard | None:
    found: ReviewCard | None = ReviewCard.objects.filter(
        correlation_key=correlation_key, status=CardStatus.PENDING
    ).first()
    return found


def check_free(correlation_key: str) -> None:
    """409 `correlation_key_taken` where another question is open under it. The caller holds the key."""
    if pending_card(correlation_key) is not None:
        raise conflict(
            "Another question is open under this `correlation_key`; ask under one of its own.",
            code="correlation_key_taken",
        )


def waiting_for(correlation_key: str) -> list[EarlyDecision]:
    """What was decided about it before, refusals first. The caller holds the key."""
    found = EarlyDecision.objects.waiting(clock.now()).filter(correlation_key=correlation_key).select_related("person")
    return sorted(found, key=lambda early: (FIRST.index(Decision(early.decision)), early.pk))


def keep(
    *, correlation_key: str, decision: Decision, digest: str, note: str, expires_at: datetime | None, by: Actor
) -> EarlyDecision:
    """Another one of the same person under this key is replaced. The caller holds the key, and there is no open card.

    Refuses: 409 `already_decided` where a card of this key was decided before, for that may be a repeat; 409 `too_many_waiting`.
    """
    person = get_user_model().objects.get(pk=user_id(by))
    check_note(decision, note)
    expires = _expiry(expires_at)
    if (before := ReviewCard.objects.filter(correlation_key=correlation_key).order_by("-pk").first()) is not None:
        check_pending(before)
    mine = EarlyDecision.objects.filter(person=person, status=EarlyStatus.WAITING)
    replaced = mine.filter(correlation_key=correlation_key).first()
    if replaced is None and mine.filter(expires_at__gt=clock.now()).count() >= WAITING_MAX:
        raise conflict(f"{WAITING_MAX} decisions of yours wait already; let some expire.", code="too_many_waiting")
    if replaced is not None:
        EARLY.advance(replaced, to=EarlyStatus.REPLACED, ended_at=clock.now())
    early: EarlyDecision = EarlyDecision.objects.create(
        correlation_key=correlation_key,
        person=person,
        decision=decision,
        digest=digest,
        note=note.strip(),
        expires_at=expires,
    )
    kept = EarlyDecisionKept.about(
        early, note=early.note, expires_at=clock.written(expires), replaces=replaced.pk if replaced else None
    )
    tell(kept, by=by)
    return early


def _expiry(expires_at: datetime | None) -> datetime:
    at = clock.now()
    found = expires_at or at + settings.EARLY_DECISION_KEPT
    if not at < found <= at + settings.EARLY_DECISION_KEPT_MAX:
        days = settings.EARLY_DECISION_KEPT_MAX.days
        raise invalid(f"`expires_at` must be to come, within {days} days.", field_name="expires_at")
    return found


def check_counts(early: EarlyDecision, card: ReviewCard) -> None:
    """403 `role` for a person who was disabled since, 409 `approval_mismatch` where it approves something else."""
    if not early.person.is_active:
        raise Refused("Whoever decided this early has no account any more.", code="role", status=403)
    if early.decision == Decision.APPROVE:
        check_digest(card, early.digest)


def check_digest(card: ReviewCard, digest: str) -> None:
    """409 `approval_mismatch` unless it is that of what the card asks for, as it stands."""
    if not card.asked or digest != card.asked:
        raise conflict(
            "What was approved is not what is asked; look at the card, and approve what stands there.",
            code="approval_mismatch",
            digest=card.asked,
        )


def use(*, early: EarlyDecision, card: ReviewCard, by: Actor) -> None:
    EARLY.advance(early, to=EarlyStatus.USED, ended_at=clock.now(), card_id=card.pk)
    tell(EarlyDecisionUsed.about(early, review=card.pk, **_place(card)), by=by)


def refuse(*, early: EarlyDecision, card: ReviewCard, why: Refused, by: Actor) -> None:
    """It does not count here, nor for any card to come: who decided it reads why."""
    refusal = {"code": why.code, "detail": why.detail[:500]}
    EARLY.advance(early, to=EarlyStatus.REFUSED, ended_at=clock.now(), card_id=card.pk, refusal=refusal)
    tell(
        EarlyDecisionRefused.about(early, review=card.pk, code=why.code, reason=why.detail[:500], **_place(card)), by=by
    )


def withdraw(*, early_id: UUID, by: Actor) -> EarlyDecision:
    """Take back what waits. 403 `not_yours` for what somebody else decided, 409 `early_ended` for what waits no more; for one's own that
    was taken back already it is answered as it is."""
    seen: EarlyDecision = EarlyDecision.objects.get_or_refuse(early_id)
    hold(seen.correlation_key)
    early: EarlyDecision = EarlyDecision.objects.select_related("person").get(pk=early_id)
    if early.person_id != user_id(by):
        raise forbidden(
            "Somebody else decided this, and takes it back; decide yourself what you think of it.", code="not_yours"
        )
    if early.status == EarlyStatus.WITHDRAWN:
        return early
    if early.status != EarlyStatus.WAITING:
        raise conflict(
            f"This decision waits no more: it is {early.status}.", code="early_ended", status_now=str(early.status)
        )
    EARLY.advance(early, to=EarlyStatus.WITHDRAWN, ended_at=clock.now())
    tell(EarlyDecisionWithdrawn.about(early), by=by)
    return early


def expire(correlation_key: str) -> None:
    """What waits in vain under this key is over, and told."""
    hold(correlation_key)
    at = clock.now()
    for one in EarlyDecision.objects.over(at).filter(correlation_key=correlation_key).select_related("person"):
        EARLY.advance(one, to=EarlyStatus.EXPIRED, ended_at=at)
        tell(EarlyDecisionExpired.about(one), by=SYSTEM)


def _place(card: ReviewCard) -> dict[str, Any]:
    return {"session_id": card.session_id, "task_id": card.task_id}
