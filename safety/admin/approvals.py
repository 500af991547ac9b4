"""Who has approved a card, and who must: a panel where more than one reviewer is asked."""

from collections.abc import Sequence

from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from safety.actions import digest_of
from safety.models import ReviewCard, ReviewVote
from safety.quorum import Demand, missing, one_reviewer
from safety.states import CardStatus


def approvals(card: ReviewCard, votes: Sequence[ReviewVote], demands: Sequence[Demand]) -> list[Panel]:
    """Nothing for a card that one reviewer decides."""
    if card.quorum == one_reviewer():
        return []
    payload = digest_of(card.edited_payload)
    rows = [
        (
            vote.person.get_username(),
            ", ".join(vote.roles),
            show.label("approved", "good") if vote.payload == payload else show.label("of a former text", "plain"),
            show.moment(vote.at),
            show.short(vote.note, 120),
        )
        for vote in votes
    ]
    asked = "; ".join(f"{each.approvers} of {' or '.join(sorted(each.roles))}" for each in demands)
    waits = missing(demands) if card.status == CardStatus.PENDING else ""
    note = f"asks {asked}" + (f"; still {waits}" if waits else "")
    return [panels.table("Approvals", ("By", "As", "", "When", "Note"), rows, empty="Nobody yet.", note=note)]
