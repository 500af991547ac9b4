"""What becomes of review cards."""

from typing import Any, ClassVar, Self
from uuid import UUID

from chimera.kernel.eventlog import Fact


class CardFact(Fact):
    status: str
    kind: str
    reasons: list[str]

    @classmethod
    def about(cls, card: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=card.pk,
            aggregate_version=card.version,
            session_id=card.session_id,
            task_id=card.task_id,
            status=str(card.status),
            kind=card.kind,
            reasons=[r["code"] for r in card.reasons],
            **more,
        )


class ReviewOpened(CardFact):
    type: ClassVar[str] = "safety.review.opened"
    due_at: str
    transaction: UUID | None = None


class ReviewClaimed(CardFact):
    type: ClassVar[str] = "safety.review.claimed"
    by_name: str


class ReviewReleased(CardFact):
    """Whoever was at it has put it back."""

    type: ClassVar[str] = "safety.review.released"
    by_name: str


class ReviewVoted(CardFact):
    """One person approved, and others must; `missing` says how many of whom, in words."""

    type: ClassVar[str] = "safety.review.voted"
    by_name: str
    note: str
    missing: str


class ReviewDecided(CardFact):
    """Approved, rejected or changes requested; `status` says which."""

    type: ClassVar[str] = "safety.review.decided"
    by_name: str
    note: str


class ReviewExpired(CardFact):
    type: ClassVar[str] = "safety.review.expired"


class ReviewWithdrawn(CardFact):
    type: ClassVar[str] = "safety.review.withdrawn"
    reason: str
