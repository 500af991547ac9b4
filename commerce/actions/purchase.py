"""What asking for money is made of: the purchase, its place, and what becomes of it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from commerce.limits import ZERO
from commerce.models import Transaction
from commerce.states import DeniedCode, Scope, WindowKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What an agent wants to buy."""

    amount_usd: Decimal
    asset_symbol: str
    payee: str = ""
    category: str = ""
    purpose: str = ""  # for people; no rule and no approval goes by it
    action: UUID | None = None  # that it is for: then it is nobody else's, and its outcome settles it
    metadata: dict[str, Any] = field(default_factory=dict)
    correlation_key: str = ""  # under which a decision may be there already; no approval is bound to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is spent: this decides which budgets apply. `above`: the tasks above it, as far as one may have a budget."""

    task_id: UUID
    above: tuple[UUID, ...] = ()
    session_id: UUID
    campaign_id: UUID | None
    agent_id: UUID

    @property
    def scopes(self) -> frozenset[tuple[str, UUID | None]]:
        """What a budget that applies is of, as `BudgetQuerySet.applying_to` asks for it."""
        found: set[tuple[str, UUID | None]] = {(Scope.TENANT, None), (Scope.SESSION, self.session_id)}
        found |= {(Scope.AGENT, self.agent_id), *((Scope.TASK, task_id) for task_id in (self.task_id, *self.above))}
        return frozenset(found | ({(Scope.CAMPAIGN, self.campaign_id)} if self.campaign_id else set()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a spend was denied; `remaining_usd` is possible now, more from `resets_at` on (None: never).

    `rule` is the place of a rule in the budget's rules of `rules_version`, where one refused, or its name in the policy `policy_id`.
    """

    code: DeniedCode
    detail: str
    remaining_usd: Decimal = ZERO
    resets_at: datetime | None = None
    window: WindowKind | None = None
    budget_id: UUID | None = None
    rule: str = ""
    rules_version: int | None = None
    policy_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """That a budget wants so many people, each with one of these roles, to approve what is above an amount."""

    budget_id: UUID
    above_usd: Decimal
    approvers: int
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row that was written, or found again; `refusal` goes with denied, `approvals` with review, strictest first."""

    transaction: Transaction
    refusal: Refusal | None = None
    approvals: tuple[Approval, ...] = ()
