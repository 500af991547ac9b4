"""Who is at a card: taking the next one of a queue, putting one back, having opened one."""

from collections.abc import Sequence
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict
from chimera.kernel.eventlog import tell
from safety.actions.cards import claim
from safety.actions.deciding import check_pending, user_id
from safety.events import ReviewReleased
from safety.models import ReviewCard, ReviewSeen
from safety.states import CardStatus

CLAIMS_MAX = 20  # cards that one person is at; more would be kept from colleagues, and not looked at


def check_room(by: Actor) -> None:
    """409 `too_many_claims` for a person who is at CLAIMS_MAX cards already."""
    held = ReviewCard.objects.held_by(user_id(by), clock.now()).order_by()[:CLAIMS_MAX].count()
    if held >= CLAIMS_MAX:
        raise conflict(
            f"You are at {held} cards; decide some of them, or put them back.", code="too_many_claims", claims=held
        )


def take(*, card: ReviewCard, by: Actor) -> None:
    """This person is at it from now on; again, for as long again. The caller holds its row, and has checked whom it asks."""
    check_pending(card)
    if not _is_at(card, by):
        check_room(by)
    claim(card=card, by=by)
    see(card_id=card.pk, by=by)


def take_first(cards: Sequence[ReviewCard], *, by: Actor) -> ReviewCard | None:
    """Claim the first of these that nobody is at, nor is just taking; None when there is none by now."""
    free = ReviewCard.objects.free(clock.now()).filter(pk__in=[card.pk for card in cards])
    card: ReviewCard | None = free.select_for_update(no_key=True, skip_locked=True).first()
    if card is not None:
        claim(card=card, by=by)
        see(card_id=card.pk, by=by)
    return card


def release(*, card: ReviewCard, by: Actor) -> None:
    """Put it back, for whoever comes next. 409 `not_claimed` unless this person is at it. The caller holds its row."""
    check_pending(card)
    if not _is_at(card, by):
        raise conflict("You are not at this card, or not any more.", code="not_claimed")
    ReviewCard.objects.filter(pk=card.pk, status=CardStatus.PENDING).update(claimed_by=None, claim_expires_at=None)
    card.refresh_from_db()
    tell(ReviewReleased.about(card, by_name=by.name), by=by)


def _is_at(card: ReviewCard, by: Actor) -> bool:
    holds = card.claim_expires_at is not None and card.claim_expires_at > clock.now()
    return holds and card.claimed_by_id == user_id(by)


def see(*, card_id: UUID, by: Actor) -> None:
    """This person has opened it. The first time counts."""
    ReviewSeen.objects.bulk_create([ReviewSeen(card_id=card_id, person_id=user_id(by))], ignore_conflicts=True)
