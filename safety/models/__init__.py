from safety.models.action import Action
from safety.models.policy import Policy, PolicySet, PolicyVersion, ShadowVerdict
from safety.models.review import CardKind, ReviewCard
from safety.models.seen import ReviewSeen
from safety.models.vote import ReviewVote

__all__ = [
    "Action",
    "CardKind",
    "Policy",
    "PolicySet",
    "PolicyVersion",
    "ReviewCard",
    "ReviewSeen",
    "ReviewVote",
    "ShadowVerdict",
]
