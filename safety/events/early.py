"""What becomes of decisions that came before their question."""

from typing import Any, ClassVar, Self
from uuid import UUID

from chimera.kernel.eventlog import Fact


class EarlyDecisionFact(Fact):
    correlation_key: str
    decision: str
    status: str
    by_name: str

    @classmethod
    def about(cls, early: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=early.pk,
            aggregate_version=early.version,
            correlation_key=early.correlation_key,
            decision=early.decision,
            status=str(early.status),
            by_name=early.person.get_username(),
            **more,
        )


class EarlyDecisionKept(EarlyDecisionFact):
    """Somebody has decided what no agent has asked yet. `replaces` is the same person's decision of before."""

    type: ClassVar[str] = "safety.early_decision.kept"
    note: str
    expires_at: str
    replaces: UUID | None = None


class EarlyDecisionUsed(EarlyDecisionFact):
    """Its question has come: the card `review` was born with it."""

    type: ClassVar[str] = "safety.early_decision.used"
    review: UUID


class EarlyDecisionExpired(EarlyDecisionFact):
    """Its question did not come in time; it decides nothing any more."""

    type: ClassVar[str] = "safety.early_decision.expired"


class EarlyDecisionWithdrawn(EarlyDecisionFact):
    """Its person took it back, before its question came."""

    type: ClassVar[str] = "safety.early_decision.withdrawn"


class EarlyDecisionRefused(EarlyDecisionFact):
    """Its question has come, and this decision does not count, for the reason `code`; people decide the card `review`."""

    type: ClassVar[str] = "safety.early_decision.refused"
    review: UUID
    code: str
    reason: str
