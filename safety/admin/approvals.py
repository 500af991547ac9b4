"""Who has approved a card, and who must: a panel where more than one reviewer is asked."""

from chimera.flows.show_reviews import Standing
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from safety.actions import digest_of
from safety.models import ReviewCard, ReviewVote
from safety.quorum import missing, one_reviewer
from safety.states import CardStatus


def approvals(card: ReviewCard, standing: Standing) -> list[Panel]:
    """Nothing for a card that one reviewer decides."""
    if card.quorum == one_reviewer():
        return []
    rows = [
        (
            vote.person.get_username(),
            ", ".join(vote.roles),
            show.label("approved", "good") if vote in standing.counting else show.label(_lapsed(card, vote), "plain"),
            show.moment(vote.at),
            show.short(vote.note, 120),
        )
        for vote in standing.votes
    ]
    asked = "; ".join(f"{each.approvers} of {' or '.join(sorted(each.roles))}" for each in standing.demands)
    waits = missing(standing.demands) if card.status == CardStatus.PENDING else ""
    note = f"asks {asked}" + (f"; still {waits}" if waits else "")
    return [panels.table("Approvals", ("By", "As", "", "When", "Note"), rows, empty="Nobody yet.", note=note)]


def _lapsed(card: ReviewCard, vote: ReviewVote) -> str:
    return "asked for it" if vote.payload == digest_of(card.edited_payload) else "of a former text"
