"""Four eyes: who asked for what a card would permit, and so may not approve it. Reads only.

Decisions, the count of approvals and the card's page all ask here.
"""

from collections.abc import Sequence
from uuid import UUID

from commerce.models import Transaction
from safety.models import Action, CardKind, ReviewCard
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
_WHAT = {CardKind.SPEND: "what it spends", CardKind.ACTION: "what it does"}


def requesters_of(cards: Sequence[ReviewCard]) -> dict[UUID, dict[int, Relation]]:
    """By card of any kind, the ids of the people who asked for what it is about, and how; in at most three queries."""
    spends = [card.transaction_id for card in cards if card.transaction_id]
    acts = [card.action_id for card in cards if card.action_id]
    agents = dict(Transaction.objects.filter(pk__in=spends).values_list("pk", "agent_id")) if spends else {}
    if acts:
        agents |= dict(Action.objects.filter(pk__in=acts).values_list("pk", "agent_id"))
    return requesters.requesters([Asked(c.pk, c.task_id, agents.get(c.action_id or c.transaction_id)) for c in cards])


def barred_of(card: ReviewCard, *, actions: Sequence[Action], spends: Sequence[Transaction]) -> dict[int, str]:
    """The same as `barred` for one card whose actions and spends have been read. One query, and none where nobody is."""
    if card.kind not in _WHAT:
        return {}
    agents = {row.pk: row.agent_id for row in actions} | {row.pk: row.agent_id for row in spends}
    asks = card.action_id or card.transaction_id
    agent = agents.get(asks) if asks else None
    people = requesters.requesters([Asked(card.pk, card.task_id, agent)])[card.pk]
    return _sentences(people, CardKind(card.kind))


def barred(cards: Sequence[ReviewCard]) -> dict[UUID, dict[int, str]]:
    """By card, the ids of the people who may not approve it, each with a sentence for them. Nobody, where neither money nor
    an action is asked for."""
    kinds = {card.pk: CardKind(card.kind) for card in cards if card.kind in _WHAT}
    found = requesters_of([card for card in cards if card.pk in kinds])
    return {card_id: _sentences(people, kinds[card_id]) for card_id, people in found.items()}


def _sentences(people: dict[int, Relation], kind: CardKind) -> dict[int, str]:
    return {person: f"{_HOW[how]}; somebody else approves {_WHAT[kind]}." for person, how in people.items()}
