from safety.models.review import CardKind, ReviewCard
from safety.models.vote import ReviewVote

__all__ = ["CardKind", "ReviewCard", "ReviewVote"]
