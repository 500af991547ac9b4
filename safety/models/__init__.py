from safety.models.action import Action
from safety.models.review import CardKind, ReviewCard
from safety.models.vote import ReviewVote

__all__ = ["Action", "CardKind", "ReviewCard", "ReviewVote"]
