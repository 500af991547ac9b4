"""How far an agent is trusted: the lower bound of how many of its decided cards were approved as they were.

Wilson's score interval with 95 %: 0 without a decided card, 0.21 after one of one, 0.72 after ten of ten, 0.84 after twenty of twenty,
0.96 after a hundred of a hundred.
"""

from datetime import timedelta
from decimal import Decimal
from math import sqrt
from uuid import UUID

from chimera.kernel import clock
from safety.models import ReviewCard

LOOKS_BACK = timedelta(days=90)
Z = 1.96


def trust_of(agent_id: UUID) -> Decimal:
    approved, decided = ReviewCard.objects.decided_of(agent_id, clock.now() - LOOKS_BACK).trusted()
    return wilson(approved, decided)


def wilson(approved: int, decided: int) -> Decimal:
    """From 0 to 1, with four places."""
    if not decided:
        return Decimal("0.0000")
    share, square = approved / decided, Z * Z / decided
    low = (share + square / 2 - Z * sqrt((share * (1 - share) + square / 4) / decided)) / (1 + square)
    return Decimal(str(max(0.0, low))).quantize(Decimal("0.0001"))
