"""How review cards, early decisions, actions, policies and notifications may change."""

from enum import StrEnum

from chimera.kernel.states import AGENT, HUMAN, SYSTEM, Machine, edge


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


class EarlyStatus(StrEnum):
    WAITING = "waiting"
    USED = "used"
    REFUSED = "refused"
    REPLACED = "replaced"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


EARLY = Machine(
    "early_decision",
    start=EarlyStatus.WAITING,
    ends=[
        EarlyStatus.USED,
        EarlyStatus.REFUSED,
        EarlyStatus.REPLACED,
        EarlyStatus.EXPIRED,
        EarlyStatus.WITHDRAWN,
    ],
    edges=[
        edge(EarlyStatus.WAITING, EarlyStatus.USED, HUMAN, why="its question came: the card was born with it"),
        edge(EarlyStatus.WAITING, EarlyStatus.REFUSED, HUMAN, why="its question came, and it may not decide that"),
        edge(EarlyStatus.WAITING, EarlyStatus.REPLACED, HUMAN, why="the same person decided anew"),
        edge(EarlyStatus.WAITING, EarlyStatus.EXPIRED, SYSTEM, why="its question did not come in time"),
        edge(EarlyStatus.WAITING, EarlyStatus.WITHDRAWN, HUMAN, why="its person took it back"),
    ],
)


class ActionStatus(StrEnum):
    ALLOWED = "allowed"
    REVIEW = "review"
    DENIED = "denied"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    DEAD = "dead"


ACTION_OPEN = (ActionStatus.ALLOWED, ActionStatus.REVIEW, ActionStatus.EXECUTING)
ACTION_UNSETTLED = (ActionStatus.EXECUTING, ActionStatus.LOST)
ACTION_BEGUN = (ActionStatus.EXECUTING, ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.LOST)

ACTION = Machine(
    "action",
    start=ActionStatus.ALLOWED,
    starts=[ActionStatus.REVIEW, ActionStatus.DENIED],
    ends=[ActionStatus.DENIED, ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.DEAD],
    edges=[
        edge(ActionStatus.REVIEW, ActionStatus.ALLOWED, HUMAN, why="approved: it waits for its task's next claim"),
        edge(ActionStatus.REVIEW, ActionStatus.DENIED, HUMAN, SYSTEM, why="rejected, or nobody decided in time"),
        edge(ActionStatus.REVIEW, ActionStatus.DEAD, HUMAN, AGENT, SYSTEM, why="its card was withdrawn"),
        edge(
            ActionStatus.ALLOWED,
            ActionStatus.EXECUTING,
            AGENT,
            why="the very same was shown again: the token is given, once",
        ),
        edge(
            ActionStatus.ALLOWED,
            ActionStatus.DEAD,
            AGENT,
            SYSTEM,
            why="something else was shown, or its lease or its time is over",
        ),
        edge(ActionStatus.EXECUTING, ActionStatus.SUCCEEDED, AGENT, why="its effect is there"),
        edge(ActionStatus.EXECUTING, ActionStatus.FAILED, AGENT, why="its effect is not there"),
        edge(ActionStatus.EXECUTING, ActionStatus.LOST, SYSTEM, why="nobody said in time: its money counts as spent"),
        edge(ActionStatus.LOST, ActionStatus.SUCCEEDED, AGENT, why="said late; the money stays as it was counted"),
        edge(ActionStatus.LOST, ActionStatus.FAILED, AGENT, why="said late; the money stays as it was counted"),
    ],
)


CARD_DECIDED_BY_PEOPLE = tuple(DECIDED_AS.values())


class PolicyStatus(StrEnum):
    ENFORCED = "enforced"
    SHADOW = "shadow"
    OFF = "off"


POLICY = Machine(
    "policy",
    start=PolicyStatus.SHADOW,
    ends=[],
    edges=[
        edge(PolicyStatus.SHADOW, PolicyStatus.ENFORCED, HUMAN, why="it decides from now on"),
        edge(
            PolicyStatus.ENFORCED,
            PolicyStatus.SHADOW,
            HUMAN,
            why="it says what it would have done, and decides nothing",
        ),
        edge(PolicyStatus.SHADOW, PolicyStatus.OFF, HUMAN, why="it is asked no more"),
        edge(PolicyStatus.ENFORCED, PolicyStatus.OFF, HUMAN, why="it is asked no more"),
        edge(PolicyStatus.OFF, PolicyStatus.SHADOW, HUMAN, why="it says again what it would do"),
        edge(PolicyStatus.OFF, PolicyStatus.ENFORCED, HUMAN, why="it decides again"),
    ],
)


class TargetStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


TARGET = Machine(
    "target",
    start=TargetStatus.ACTIVE,
    ends=[TargetStatus.REMOVED],
    edges=[
        edge(TargetStatus.ACTIVE, TargetStatus.PAUSED, HUMAN, why="nothing is sent; what comes meanwhile waits"),
        edge(TargetStatus.PAUSED, TargetStatus.ACTIVE, HUMAN, why="what waited is sent"),
        edge(TargetStatus.ACTIVE, TargetStatus.REMOVED, HUMAN, why="nothing is sent to it any more"),
        edge(TargetStatus.PAUSED, TargetStatus.REMOVED, HUMAN, why="nothing is sent to it any more"),
    ],
)


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


DELIVERY = Machine(
    "delivery",
    start=DeliveryStatus.PENDING,
    ends=[DeliveryStatus.DROPPED],
    edges=[
        edge(DeliveryStatus.PENDING, DeliveryStatus.SENT, SYSTEM, why="the receiver took it"),
        edge(DeliveryStatus.PENDING, DeliveryStatus.FAILED, SYSTEM, why="the receiver did not take it, however often"),
        edge(
            DeliveryStatus.PENDING,
            DeliveryStatus.DROPPED,
            SYSTEM,
            HUMAN,
            why="moot: its card was decided, or its target removed",
        ),
        edge(DeliveryStatus.SENT, DeliveryStatus.PENDING, HUMAN, why="sent once more, with the same id"),
        edge(DeliveryStatus.FAILED, DeliveryStatus.PENDING, HUMAN, why="tried again, with the same id"),
    ],
)
