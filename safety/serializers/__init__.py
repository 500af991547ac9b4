"""HTTP shapes of safety (/api/docs/). Requests are strict; responses add fields, and never rename one."""

from safety.serializers.reviews import (
    DemandShape,
    NewDecision,
    ReasonShape,
    ReviewClaimShape,
    ReviewShape,
    VoteShape,
)

__all__ = [
    "DemandShape",
    "NewDecision",
    "ReasonShape",
    "ReviewClaimShape",
    "ReviewShape",
    "VoteShape",
]
