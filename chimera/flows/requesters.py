"""Four eyes: who asked for what a card would permit, and so may not approve it. Reads only.

Decisions, the count of approvals and the card's page all ask here.
"""

from collections.abc import Sequence
from uuid import UUID

from commerce.models import Transaction
from safety.models import CardKind, ReviewCard
from swarm.actions import requesters
from swarm.actions.requesters import Asked, Relation

_HOW = {
    Relation.TASK: "You asked for this task",
    Relation.ABOVE: "You asked for a task above this one",
    Relation.RUN: "You had the schedule of this task run",
    Relation.SCHEDULE: "You wrote the schedule of this task, or a part of it",
    Relation.AGENT: "It is your own agent that asks",
    Relation.KEY: "You issued a key of the agent that asks",
}


def requesters_of(cards: Sequence[ReviewCard]) -> dict[UUID, dict[int, Relation]]:
    """By card of any kind, the ids of the people who asked for what it is about, and how; two queries in all."""
    spends = [card.transaction_id for card in cards if card.transaction_id]
    spenders = dict(Transaction.objects.filter(pk__in=spends).values_list("pk", "agent_id")) if spends else {}
    return requesters.requesters([Asked(c.pk, c.task_id, spenders.get(c.transaction_id)) for c in cards])


def barred(cards: Sequence[ReviewCard]) -> dict[UUID, dict[int, str]]:
    """By card, the ids of the people who may not approve it, each with a sentence for them. Nobody, where no money is asked for."""
    found = requesters_of([card for card in cards if card.kind == CardKind.SPEND])
    return {
        card_id: {person: f"{_HOW[how]}; somebody else approves what it spends." for person, how in people.items()}
        for card_id, people in found.items()
    }
