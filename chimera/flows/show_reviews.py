"""A card as reviewers see it: its own fields, the result it is about, and the memories that were frozen with the task."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject

from chimera.flows import requesters
from chimera.flows.voters import with_places
from memory import queries as memory
from safety.actions import digest_of
from safety.models import ReviewCard, ReviewVote
from safety.quorum import Demand, standing
from safety.states import CardStatus
from swarm.models import TaskResult


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a card's approvals have come."""

    votes: list[ReviewVote]  # oldest first
    counting: list[ReviewVote]  # those of what the card says now, by people who are still here and did not ask for it
    demands: list[Demand]  # whom it asks, and how many of them have approved


def show_reviews(cards: Sequence[ReviewCard]) -> list[dict[str, Any]]:
    """The review shape of /api/docs/."""
    # The ids find the results; the tasks' ids, by which results are partitioned, tell which partitions to look into.
    about = {c.result_id: c.task_id for c in cards if c.result_id}
    results = {r.id: r for r in TaskResult.objects.filter(id__in=list(about), task_id__in=set(about.values()))}
    frozen = memory.frozen_and_since_all({c.task_id for c in cards})
    standings = standings_of(cards)
    return [
        review_shape(
            card,
            result_shape(results.get(card.result_id) if card.result_id else None),
            frozen.get(card.task_id, []),
            standings[card.pk],
        )
        for card in cards
    ]


def show_reviews_briefly(cards: Sequence[ReviewCard]) -> list[dict[str, Any]]:
    """The same, and nothing is read of results and memories, which are up to a megabyte of each."""
    standings = standings_of(cards)
    return [review_shape(card, None, [], standings[card.pk]) for card in cards]


def standings_of(cards: Sequence[ReviewCard]) -> dict[UUID, Standing]:
    """Of each card, in three queries at most."""
    votes: dict[UUID, list[ReviewVote]] = defaultdict(list)
    for vote in with_places(ReviewVote.objects.filter(card__in=cards)).select_related("person").order_by("pk"):
        votes[vote.card_id].append(vote)
    barred = requesters.barred([c for c in cards if c.status == CardStatus.PENDING and votes[c.pk]])
    return {card.pk: _standing(card, votes[card.pk], barred.get(card.pk, ())) for card in cards}


_SAID = JSONObject(
    person="person_id", name="person__username", roles="roles", payload="payload", note="note", at="at", stays="stays"
)


def with_votes(cards: QuerySet[ReviewCard]) -> QuerySet[ReviewCard]:
    """Cards that bring their votes along, for `standing_of`."""
    votes = with_places(ReviewVote.objects.filter(card=OuterRef("pk"))).order_by("pk").values(said=_SAID)
    return cards.annotate(votes_said=ArraySubquery(votes))


def standing_of(card: ReviewCard, barred: Collection[int]) -> Standing:
    """Of one card of `with_votes`, of which is known who may not approve it. Asks nothing."""
    return _standing(card, [_vote_of(card, said) for said in card.votes_said], barred)  # type: ignore[attr-defined]


def _vote_of(card: ReviewCard, said: dict[str, Any]) -> ReviewVote:
    person = get_user_model()(pk=said["person"], username=said["name"])
    at = datetime.fromisoformat(said["at"])
    vote = ReviewVote(
        card_id=card.pk,
        tenant_id=card.tenant_id,
        person=person,
        roles=said["roles"],
        payload=said["payload"],
        note=said["note"],
        at=at,
    )
    vote.stays = said["stays"]  # type: ignore[attr-defined]
    return vote


def _standing(card: ReviewCard, votes: list[ReviewVote], barred: Collection[int]) -> Standing:
    """Once it is decided, what counted then counts for good."""
    payload, waits = digest_of(card.edited_payload), card.status == CardStatus.PENDING
    counting = [
        vote
        for vote in votes
        if vote.payload == payload and vote.person_id not in barred and not (waits and not vote.stays)  # type: ignore[attr-defined]
    ]
    return Standing(votes, counting, standing(card.quorum, [vote.roles for vote in counting]))


def review_shape(
    card: ReviewCard, result: dict[str, Any] | None, memories: list[dict[str, Any]], standing: Standing
) -> dict[str, Any]:
    """`result` is a `result_shape`."""
    missing = [demand.approvers - demand.given for demand in standing.demands if not demand.is_met]
    return {
        "id": card.pk,
        "kind": card.kind,
        "status": card.status,
        "version": card.version,
        "headline": card.headline,
        "reasons": card.reasons,
        "session": card.session_id,
        "task": card.task_id,
        "transaction": card.transaction_id,
        "action": card.action_id,
        "result": result,
        "memories": memories,
        "approvals_needed": max(missing, default=0) if card.status == CardStatus.PENDING else 0,
        "quorum": [each.stored() | {"given": each.given} for each in standing.demands],
        "votes": [_vote(vote, counts=vote in standing.counting) for vote in standing.votes],
        "claimed_by": card.claimed_by.get_username() if card.claimed_by else None,
        "claim_expires_at": card.claim_expires_at,
        "due_at": card.due_at,
        "escalated_to": card.escalated_to or None,
        "escalated_at": card.escalated_at,
        "correlation_key": card.correlation_key or None,
        "digest": card.asked or None,
        "decided_by": card.decided_by.get_username() if card.decided_by else None,
        "decided_at": card.decided_at,
        "decided_early_at": card.decided_early_at,
        "note": card.note,
        "edited_payload": card.edited_payload,
        "changes": card.changes,
        "created_at": card.created_at,
    }


def _vote(vote: ReviewVote, *, counts: bool) -> dict[str, Any]:
    return {
        "by": vote.person.get_username(),
        "roles": vote.roles,
        "note": vote.note,
        "at": vote.at,
        "counts": counts,
    }


def result_shape(result: TaskResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "id": result.id,
        "attempt": result.attempt,
        "status": result.status,
        "output_payload": result.output_payload,
        "original_payload": result.original_payload,
        "confidence_score": float(result.confidence_score) if result.confidence_score is not None else None,
        "judge_score": float(result.judge_score) if result.judge_score is not None else None,
        "reasoning": result.reasoning,
        "evidence": result.evidence,
    }
