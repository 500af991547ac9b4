"""What can be told about decisions."""

from safety.events.actions import (
    ActionApproved,
    ActionDenied,
    ActionDied,
    ActionExecuted,
    ActionFact,
    ActionLost,
    ActionProposed,
    ActionRebound,
    ActionSettled,
)
from safety.events.policies import PolicyCreated, PolicyFact, PolicyRulesReplaced, PolicySwitched
from safety.events.reviews import (
    CardFact,
    ReviewClaimed,
    ReviewDecided,
    ReviewExpired,
    ReviewOpened,
    ReviewReleased,
    ReviewVoted,
    ReviewWithdrawn,
)

__all__ = [
    "ActionApproved",
    "ActionDenied",
    "ActionDied",
    "ActionExecuted",
    "ActionFact",
    "ActionLost",
    "ActionProposed",
    "ActionRebound",
    "ActionSettled",
    "CardFact",
    "PolicyCreated",
    "PolicyFact",
    "PolicyRulesReplaced",
    "PolicySwitched",
    "ReviewClaimed",
    "ReviewDecided",
    "ReviewExpired",
    "ReviewOpened",
    "ReviewReleased",
    "ReviewVoted",
    "ReviewWithdrawn",
]
