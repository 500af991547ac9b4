"""Tell people of cards: a reaction puts what is to be sent, the worker sends it.

Locks: none for a card's messages; they are put once for each target, by a unique constraint, however often the fact is read.
Dies before the commit: nothing was put, and the lane reads the fact again. Dies after it: the rows are there, and so is the worker's
job, which was asked for in the same transaction; `wake_due` asks again for what is due.
"""

from typing import Any
from uuid import UUID

from chimera.kernel import clock, jobs, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.eventlog import Recorded
from safety.actions import deliveries, targets
from safety.models import Delivery, Occasion, ReviewCard
from safety.states import CardStatus
from swarm.models import Tenant

SEND = "chimera.housekeeping.send_notifications"
REASONS_TOLD_MAX = 10
DETAIL_LENGTH_MAX = 500  # a message says why it comes; all that there is stands on the card


def card_waits(event: Recorded) -> None:
    """Reaction to ReviewOpened."""
    _tell_of(event, Occasion.WAITS)


def card_is_due(event: Recorded) -> None:
    """Reaction to ReviewDue, each reminder for itself: the fact's position tells them apart."""
    _tell_of(event, Occasion.DUE, step=str(event.position))


def card_escalated(event: Recorded) -> None:
    """Reaction to ReviewEscalated: those hear of it who listen for the role that is asked now."""
    _tell_of(event, Occasion.ESCALATED, step=str(event.position), roles=frozenset({event.payload["to"]}))


def wake_due() -> None:
    """The clock's step: have the worker try again what is due by now."""
    with tenancy.system():
        if Delivery.objects.due(clock.now()).exists():
            jobs.soon(SEND)


def send_test(target_id: UUID) -> Delivery:
    """Have a test sent to one target, in the door's transaction."""
    message = {"type": "test", "timestamp": clock.written(clock.now()), "data": {"tenant": _tenant()}}
    delivery = targets.test(target_id=target_id, message=message)
    jobs.soon(SEND)
    return delivery


def replay(delivery_id: UUID, *, by: Actor) -> Delivery:
    delivery = deliveries.replay(delivery_id=delivery_id, by=by)
    jobs.soon(SEND)
    return delivery


def _tell_of(event: Recorded, occasion: Occasion, *, step: str = "", roles: frozenset[str] | None = None) -> None:
    with tenancy.bound(event.tenant_id):
        card = ReviewCard.objects.filter(pk=event.payload["aggregate_id"], status=CardStatus.PENDING).first()
        if card is None:
            return
        asked = roles or frozenset(role for demand in card.quorum for role in demand["roles"])
        if deliveries.put(card=card, occasion=occasion, roles=asked, message=_message(card, occasion), step=step):
            jobs.soon(SEND)


def _message(card: ReviewCard, occasion: Occasion) -> dict[str, Any]:
    """What a receiver is told. Evidence stays in the house."""
    told = [
        {"code": each["code"], "detail": each["detail"][:DETAIL_LENGTH_MAX]} for each in card.reasons[:REASONS_TOLD_MAX]
    ]
    review = {
        "id": str(card.pk),
        "kind": card.kind,
        "about": str(card.get_kind_display()),
        "reasons": told,
        "due_at": clock.written(card.due_at),
        "session": str(card.session_id),
        "task": str(card.task_id),
    }
    return {
        "type": f"review.{occasion.value}",
        "timestamp": clock.written(clock.now()),
        "data": {"tenant": _tenant(), "review": review},
    }


def _tenant() -> dict[str, str]:
    row = Tenant.objects.get(pk=tenancy.current())
    return {"id": str(row.pk), "name": row.name}
