"""Whose approvals count while a card waits: those of people who still have an account and a place in the house. Reads only."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from safety.models import ReviewCard, ReviewVote
from safety.quorum import one_reviewer
from swarm.models import Membership


def with_places(votes: QuerySet[Any]) -> QuerySet[Any]:
    """Each vote says whether its person `stays`."""
    place = Membership.objects.filter(user_id=OuterRef("person_id"), disabled_at=None, user__is_active=True)
    found: QuerySet[Any] = votes.annotate(stays=Exists(place))
    return found


def gone(card: ReviewCard) -> frozenset[int]:
    """Who approved it and was disabled since, as people's ids. Asks nothing where one approval is enough."""
    if card.quorum == one_reviewer():
        return frozenset()
    votes = with_places(ReviewVote.objects.filter(card=card)).filter(stays=False)
    return frozenset(votes.values_list("person_id", flat=True))
