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
    correlation_key: str = ""


class ReviewClaimed(CardFact):
    type: ClassVar[str] = "safety.review.claimed"
    by_name: str


class ReviewReleased(CardFact):
    """Whoever was at it has put it back."""

    type: ClassVar[str] = "safety.review.released"
    by_name: str


class ReviewDue(CardFact):
    """A reminder: so little time is left. Each of its moments is told once, and those that nobody was there to tell as one."""

    type: ClassVar[str] = "safety.review.due"
    due_at: str
    minutes_left: int


class ReviewEscalated(CardFact):
    """Nobody decided so far: the role `to` may answer where reviewers were asked."""

    type: ClassVar[str] = "safety.review.escalated"
    to: str
    due_at: str


class ReviewVoted(CardFact):
    """One person approved, and others must; `missing` says how many of whom, in words."""

    type: ClassVar[str] = "safety.review.voted"
    by_name: str
    note: str
    missing: str


class ReviewDecided(CardFact):
    """Approved, rejected or changes requested; `status` says which. `early`: the decision was there before the question."""

    type: ClassVar[str] = "safety.review.decided"
    by_name: str
    note: str
    edited: bool = False
    early: bool = False


class ReviewExpired(CardFact):
    """Nobody decided in time: what was asked is refused, its task has failed, and its money is free."""

    type: ClassVar[str] = "safety.review.expired"


class ReviewWithdrawn(CardFact):
    type: ClassVar[str] = "safety.review.withdrawn"
    reason: str
