"""How many cards wait in a person's views of the queue: what this person is at, what is due soon, what is new to this person."""

from dataclasses import dataclass

from chimera.kernel import clock, prepared
from safety.queries import DUE_SOON

COUNTED_MAX = 99  # more than a person looks at; counting on would cost


@dataclass(frozen=True, slots=True)
class Counts:
    """Each at most COUNTED_MAX + 1, which says that there are more."""

    waiting: int
    mine: int
    due_soon: int
    unseen: int


_WAITING = "SELECT 1 FROM safety_reviewcard c WHERE status = 'pending' AND kind <> 'judge'"
# In the index's order: in any other the first hundred that wait are looked for among all that were ever decided.
_IN_ORDER = "ORDER BY due_at, id LIMIT %(most)s::int"
_COUNTS = f"""
    SELECT
        (SELECT count(*) FROM ({_WAITING} {_IN_ORDER}) subquery),
        (SELECT count(*) FROM ({_WAITING} AND claimed_by_id = %(me)s::int AND claim_expires_at > %(at)s::timestamptz
            LIMIT %(most)s::int) subquery),
        (SELECT count(*) FROM ({_WAITING} AND due_at <= %(soon)s::timestamptz {_IN_ORDER}) subquery),
        (SELECT count(*) FROM ({_WAITING} AND NOT EXISTS (
            SELECT 1 FROM safety_reviewseen s WHERE s.card_id = c.id AND s.person_id = %(me)s::int
        ) {_IN_ORDER}) subquery)
"""


def counts_for(person_id: int) -> Counts:
    """One statement."""
    at = clock.now()
    asked = {"me": person_id, "at": at, "soon": at + DUE_SOON, "most": COUNTED_MAX + 1}
    return Counts(*prepared.ask(_COUNTS, asked)[0])
