"""How money may change, who keeps it meanwhile, and the closed sets that budgets are made of."""

from enum import StrEnum

from chimera.kernel.states import AGENT, HUMAN, SYSTEM, Machine, edge


class MoneyStatus(StrEnum):
    HELD = "held"
    REVIEW = "review"
    DENIED = "denied"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


MONEY_OPEN = (MoneyStatus.HELD, MoneyStatus.REVIEW)  # what is reserved in the windows
MONEY_COUNTED = (*MONEY_OPEN, MoneyStatus.CAPTURED)  # what is in the windows at all

MONEY = Machine(
    "transaction",
    start=MoneyStatus.HELD,
    starts=[MoneyStatus.REVIEW, MoneyStatus.DENIED],
    ends=[MoneyStatus.DENIED, MoneyStatus.CAPTURED, MoneyStatus.VOIDED, MoneyStatus.EXPIRED],
    edges=[
        edge(
            MoneyStatus.HELD,
            MoneyStatus.CAPTURED,
            AGENT,
            HUMAN,
            SYSTEM,
            why="spent: by its agent, or with its finished task",
        ),
        edge(
            MoneyStatus.HELD,
            MoneyStatus.VOIDED,
            AGENT,
            HUMAN,
            SYSTEM,
            why="given back: by its agent, by hand, or its task was lost",
        ),
        edge(MoneyStatus.HELD, MoneyStatus.EXPIRED, SYSTEM, why="approved, but nobody claimed its task in time"),
        edge(MoneyStatus.REVIEW, MoneyStatus.HELD, HUMAN, why="approved: it waits for its task's next claim"),
        edge(
            MoneyStatus.REVIEW,
            MoneyStatus.DENIED,
            HUMAN,
            AGENT,
            SYSTEM,
            why="rejected, or its card or task ended",
        ),
    ],
)


class Keeper(StrEnum):
    """Who answers for an open hold; it always has exactly one (docs/architecture.md)."""

    LEASE = "lease"  # the task's present lease; ends with it
    CARD = "card"  # an open review card
    RESUME = "resume"  # from the approval to the task's next claim, with a deadline
    ACTION = "action"  # an action that is being executed; its outcome alone ends it


class IncreaseStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


INCREASE = Machine(
    "increase",
    start=IncreaseStatus.ACTIVE,
    ends=[IncreaseStatus.EXPIRED, IncreaseStatus.REVOKED],
    edges=[
        edge(IncreaseStatus.ACTIVE, IncreaseStatus.EXPIRED, SYSTEM, why="its time has come"),
        edge(IncreaseStatus.ACTIVE, IncreaseStatus.REVOKED, HUMAN, why="taken back before its time"),
    ],
)


class Scope(StrEnum):
    TENANT = "tenant"
    CAMPAIGN = "campaign"
    SESSION = "session"
    AGENT = "agent"
    TASK = "task"


class WindowKind(StrEnum):
    """What a limit counts over.

    `transaction` is one purchase and needs no row, the others are SpendWindows.
    """

    TRANSACTION = "transaction"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Currency(StrEnum):
    USD = "USD"
    EUR = "EUR"
    GBP = "GBP"


class DeniedCode(StrEnum):
    """Why a spend was refused; the `code` of its 402."""

    NO_BUDGET = "no_budget"
    BUDGET_INACTIVE = "budget_inactive"
    CURRENCY_MISMATCH = "currency_mismatch"
    BUDGET_EXCEEDED = "budget_exceeded"
    PAYEE_DENIED = "payee_denied"
    CATEGORY_DENIED = "category_denied"
    ASSET_DENIED = "asset_denied"
    VELOCITY_EXCEEDED = "velocity_exceeded"
    POLICY_DENIED = "policy_denied"
    DRY_RUN = "dry_run"
    REJECTED = "rejected"  # by the card's decision or expiry
    WITHDRAWN = "withdrawn"  # its task ended before anybody decided
