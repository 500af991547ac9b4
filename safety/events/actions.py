"""What can be told about actions. What they do, and with what, stands in their rows: arguments may be large, and secret."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import PlainSerializer

from chimera.kernel.eventlog import Fact
from chimera.kernel.http.parsing import money_text

Money = Annotated[Decimal, PlainSerializer(money_text, return_type=str, when_used="json")]


class ActionFact(Fact):
    status: str
    agent: UUID
    tool: str
    digest: str
    amount_usd: Money | None
    payee: str
    review: UUID | None = None
    transaction: UUID | None = None

    @classmethod
    def about(cls, action: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=action.pk,
            aggregate_version=action.version,
            session_id=action.session_id,
            task_id=action.task_id,
            status=str(action.status),
            agent=action.agent_id,
            tool=action.tool,
            digest=action.digest,
            amount_usd=action.amount_usd,
            payee=action.payee,
            review=action.review_id,
            transaction=action.transaction_id,
            **more,
        )


class ActionProposed(ActionFact):
    """An agent wants to do something; `status` says what was decided of it at once. `replaces` is the action whose approval it did
    not match."""

    type: ClassVar[str] = "safety.action.proposed"
    reasons: list[str]
    replaces: UUID | None = None


class ActionApproved(ActionFact):
    """By its card. `edited`: with other arguments than its agent's."""

    type: ClassVar[str] = "safety.action.approved"
    edited: bool = False


class ActionDenied(ActionFact):
    """By its card, or because nobody decided that."""

    type: ClassVar[str] = "safety.action.denied"
    reason: str


class ActionRebound(ActionFact):
    """Its task was claimed again, and its agent asked for the same: the new lease may execute it."""

    type: ClassVar[str] = "safety.action.rebound"


class ActionExecuted(ActionFact):
    """Its agent showed the very same again, and has the token: the effect is under way."""

    type: ClassVar[str] = "safety.action.executed"


class ActionSettled(ActionFact):
    """Its agent said what came of it. `over_usd`: what it cost beyond what was held, which was counted nowhere."""

    type: ClassVar[str] = "safety.action.settled"
    cost_usd: Money | None
    over_usd: Money | None = None


class ActionLost(ActionFact):
    """Nobody said in time what came of it; its money counts as spent."""

    type: ClassVar[str] = "safety.action.lost"


class ActionDied(ActionFact):
    """It will not be executed any more: something else was shown, or its lease, its card or its time is over."""

    type: ClassVar[str] = "safety.action.died"
    reason: str
