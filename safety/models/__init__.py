from safety.models.action import Action
from safety.models.delivery import Delivery, DeliveryAttempt, NotificationTarget, Occasion, TargetKind
from safety.models.early import EarlyDecision
from safety.models.policy import Policy, PolicySet, PolicyVersion, ShadowVerdict
from safety.models.review import CardKind, ReviewCard
from safety.models.seen import ReviewSeen
from safety.models.vote import ReviewVote

__all__ = [
    "Action",
    "CardKind",
    "Delivery",
    "DeliveryAttempt",
    "EarlyDecision",
    "NotificationTarget",
    "Occasion",
    "Policy",
    "PolicySet",
    "PolicyVersion",
    "ReviewCard",
    "ReviewSeen",
    "ReviewVote",
    "ShadowVerdict",
    "TargetKind",
]
