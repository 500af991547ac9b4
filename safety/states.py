"""How a review card may change."""

from enum import StrEnum

from chimera.kernel.states import HUMAN, SYSTEM, Machine, edge


class CardStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES_REQUESTED = "changes_requested"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


CARD = Machine(
    "card",
    start=CardStatus.PENDING,
    ends=[
        CardStatus.APPROVED,
        CardStatus.REJECTED,
        CardStatus.CHANGES_REQUESTED,
        CardStatus.EXPIRED,
        CardStatus.WITHDRAWN,
    ],
    edges=[
        edge(CardStatus.PENDING, CardStatus.APPROVED, HUMAN, why="go on"),
        edge(CardStatus.PENDING, CardStatus.REJECTED, HUMAN, why="must not happen"),
        edge(CardStatus.PENDING, CardStatus.CHANGES_REQUESTED, HUMAN, why="once more, with the reviewer's note"),
        edge(CardStatus.PENDING, CardStatus.EXPIRED, SYSTEM, why="nobody decided in time: fails closed"),
        edge(CardStatus.PENDING, CardStatus.WITHDRAWN, SYSTEM, HUMAN, why="its task was cancelled"),
    ],
)


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"


DECIDED_AS = {
    Decision.APPROVE: CardStatus.APPROVED,
    Decision.REJECT: CardStatus.REJECTED,
    Decision.REQUEST_CHANGES: CardStatus.CHANGES_REQUESTED,
}
