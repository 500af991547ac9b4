"""Claim next: of the cards that a person may approve and nobody is at, the one that is due first.

Two who ask at once get two cards: whoever is just taking one holds its row, which the other passes over. What a person could only
reject (asked for it, has approved it already, or is none of those whom it asks) is left to the others.

Locks: the card, `SKIP LOCKED`, and nothing else. Dies anywhere: it is free, or claimed until its claim expires.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from chimera.flows import requesters
from chimera.flows.show_reviews import Standing, standings_of
from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.identity import Role
from safety.actions import taking
from safety.models import ReviewCard
from safety.queries import CardQuerySet
from safety.quorum import deciders, one_reviewer, takes

GROUP = 50  # cards that are looked at together
LOOKED_AT_MAX = 1_000  # then what waits is not for this person, and asking on would only cost


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of them; what is None does not matter."""

    kind: str | None = None
    session_id: UUID | None = None

    def of(self, rows: CardQuerySet) -> CardQuerySet:
        asked = {"kind": self.kind, "session_id": self.session_id}
        return rows.filter(**{name: value for name, value in asked.items() if value is not None})


def claim_next(*, roles: Collection[Role], by: Actor, chosen: Chosen | None = None) -> ReviewCard | None:
    """The card, claimed; None when nothing is left for this person. 409 `too_many_claims`."""
    taking.check_room(by)
    free = (chosen or Chosen()).of(ReviewCard.objects.free(clock.now()))
    seen = list(free[:GROUP])
    for _ in range(LOOKED_AT_MAX // GROUP):
        mine = approvable(seen, person_id=int(by.id), roles=roles)
        if mine and (card := taking.take_first(mine, by=by)):
            return card
        if len(seen) < GROUP:
            return None
        seen = list(free.after(seen[-1])[:GROUP])
    return None


def approvable(cards: Collection[ReviewCard], *, person_id: int, roles: Collection[Role]) -> list[ReviewCard]:
    """Those of which this person's approval would count, in their order; in a fixed number of queries."""
    several = [card for card in cards if card.quorum != one_reviewer()]
    standings = standings_of(several) if several else {}
    open_ones = [card for card in cards if _takes(card, standings.get(card.pk), person_id, roles)]
    barred = requesters.barred(open_ones) if open_ones else {}
    return [card for card in open_ones if person_id not in barred.get(card.pk, {})]


def _takes(card: ReviewCard, standing: Standing | None, person_id: int, roles: Collection[Role]) -> bool:
    if standing is None:
        return bool(deciders(card.quorum).intersection(roles))
    voted = any(vote.person_id == person_id for vote in standing.counting)
    return not voted and takes(standing.demands, roles)
