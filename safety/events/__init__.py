"""What can be told about decisions."""

from safety.events.reviews import (
    CardFact,
    ReviewClaimed,
    ReviewDecided,
    ReviewExpired,
    ReviewOpened,
    ReviewVoted,
    ReviewWithdrawn,
)

__all__ = [
    "CardFact",
    "ReviewClaimed",
    "ReviewDecided",
    "ReviewExpired",
    "ReviewOpened",
    "ReviewVoted",
    "ReviewWithdrawn",
]
