"""What can be told about money and budgets: past-tense facts, plain data, amounts as decimal strings."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import PlainSerializer

from chimera.kernel.eventlog import Fact
from chimera.kernel.http.parsing import money_text

Money = Annotated[Decimal, PlainSerializer(money_text, return_type=str, when_used="json")]


class TransactionFact(Fact):
    status: str
    agent: UUID
    amount_usd: Money
    captured_usd: Money | None = None
    asset_symbol: str
    payee: str
    category: str
    purpose: str = ""
    budgets: list[UUID]
    review: UUID | None = None
    action: UUID | None = None

    @classmethod
    def about(cls, transaction: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=transaction.pk,
            aggregate_version=transaction.version,
            session_id=transaction.session_id,
            task_id=transaction.task_id,
            status=str(transaction.status),
            agent=transaction.agent_id,
            amount_usd=transaction.amount_usd,
            captured_usd=transaction.captured_usd,
            asset_symbol=transaction.asset_symbol,
            payee=transaction.payee,
            category=transaction.category,
            purpose=transaction.purpose,
            budgets=transaction.budgets,
            review=transaction.review,
            action=transaction.action,
            **more,
        )


class HoldPlaced(TransactionFact):
    type: ClassVar[str] = "commerce.transaction.held"


class HoldMetered(TransactionFact):
    """Its lease has cost `metered_usd` so far; the hold is as far ahead as the limits permit."""

    type: ClassVar[str] = "commerce.transaction.metered"
    metered_usd: Money


class SpendDenied(TransactionFact):
    """Refused at once, or after a review; `code` says which."""

    type: ClassVar[str] = "commerce.transaction.denied"
    code: str
    reason: str


class SpendReviewRequested(TransactionFact):
    """Reserved, and waiting for a person."""

    type: ClassVar[str] = "commerce.transaction.review_requested"


class SpendApproved(TransactionFact):
    """A reviewed spend is a hold now; it waits for its task's next claim."""

    type: ClassVar[str] = "commerce.transaction.approved"


class HoldKept(TransactionFact):
    """Its task waits for a person, and the card keeps the hold; or its action is being executed."""

    type: ClassVar[str] = "commerce.transaction.kept"


class HoldReleased(TransactionFact):
    """The card that kept it let its task go on; it waits for the next claim."""

    type: ClassVar[str] = "commerce.transaction.released"


class HoldRebound(TransactionFact):
    """Its task was claimed again; the new lease keeps it."""

    type: ClassVar[str] = "commerce.transaction.rebound"


class HoldCaptured(TransactionFact):
    """`reason` is told where it was to be given back, and what it had cost by its meter was spent already."""

    type: ClassVar[str] = "commerce.transaction.captured"
    reason: str = ""


class HoldVoided(TransactionFact):
    type: ClassVar[str] = "commerce.transaction.voided"
    reason: str


class HoldExpired(TransactionFact):
    type: ClassVar[str] = "commerce.transaction.expired"


class BudgetLimits(Fact):
    scope: str
    scope_id: UUID | None
    currency: str
    is_active: bool
    per_transaction_usd: Money | None
    day_usd: Money | None
    month_usd: Money | None
    total_usd: Money | None
    approval_threshold_usd: Money | None
    is_carved: bool = False

    @classmethod
    def about(cls, budget: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=budget.pk,
            aggregate_version=budget.version,
            session_id=budget.scope_id if budget.scope == "session" else None,
            scope=str(budget.scope),
            scope_id=budget.scope_id,
            currency=str(budget.currency),
            is_active=budget.is_active,
            per_transaction_usd=budget.per_transaction_usd,
            day_usd=budget.day_usd,
            month_usd=budget.month_usd,
            total_usd=budget.total_usd,
            approval_threshold_usd=budget.approval_threshold_usd,
            is_carved=budget.is_carved,
            **more,
        )


class BudgetCreated(BudgetLimits):
    type: ClassVar[str] = "commerce.budget.created"


class BudgetRaise(Fact):
    """About a budget and one increase of its limits: `limit_usd` is what the limit of `window` is from now on."""

    increase: UUID
    window: str
    amount_usd: Money
    limit_usd: Money | None
    expires_at: datetime
    reason: str

    @classmethod
    def about(cls, budget: Any, *, increase: Any, limit_usd: Decimal | None, **more: Any) -> Self:
        return cls(
            aggregate_id=budget.pk,
            aggregate_version=budget.version,
            session_id=budget.scope_id if budget.scope == "session" else None,
            increase=increase.pk,
            window=str(increase.kind),
            amount_usd=increase.amount_usd,
            limit_usd=limit_usd,
            expires_at=increase.expires_at,
            reason=increase.reason,
            **more,
        )


class LimitRaised(BudgetRaise):
    type: ClassVar[str] = "commerce.budget.raised"


class LimitRaiseEnded(BudgetRaise):
    """`because` is expired or revoked."""

    type: ClassVar[str] = "commerce.budget.raise_ended"
    because: str


class BudgetWarned(Fact):
    """So much of a window's limit is used, held and captured together; told once of each limit and threshold."""

    type: ClassVar[str] = "commerce.budget.warned"
    window: str
    starts_on: date | None
    percent: int
    limit_usd: Money
    used_usd: Money

    @classmethod
    def about(cls, budget: Any, *, window: Any, percent: int) -> Self:
        return cls(
            aggregate_id=budget.pk,
            aggregate_version=budget.version,
            session_id=budget.scope_id if budget.scope == "session" else None,
            window=str(window.kind),
            starts_on=window.starts_on,
            percent=percent,
            limit_usd=window.limit_usd,
            used_usd=window.held_usd + window.captured_usd,
        )


class BudgetChanged(BudgetLimits):
    """`before` holds the former values of the fields that changed."""

    type: ClassVar[str] = "commerce.budget.changed"
    before: dict[str, str | bool | None]


class BudgetRulesChanged(Fact):
    """Another version of its rules acts from now on."""

    type: ClassVar[str] = "commerce.budget.rules_changed"
    rules_version: int
    rules: dict[str, Any]

    @classmethod
    def about(cls, budget: Any, *, rules: dict[str, Any]) -> Self:
        return cls(
            aggregate_id=budget.pk,
            aggregate_version=budget.version,
            session_id=budget.scope_id if budget.scope == "session" else None,
            rules_version=budget.rules_version,
            rules=rules,
        )
