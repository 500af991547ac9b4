"""The queue: take the next card, put one back, decide several with one reason. People only."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows import claim_next, decide_many
from chimera.flows.show_reviews import show_reviews
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.permissions import PEOPLE
from safety import actions
from safety.actions import taking
from safety.counts import counts_for
from safety.models import ReviewCard
from safety.quorum import ANY_APPROVER
from safety.serializers.queue import CountsShape, DecisionsShape, NewDecisions, NextReview, NextReviewShape
from safety.serializers.reviews import ReviewShape
from safety.states import Decision

DECISIONS = (
    "Each card is decided as if it were the only one: what one is refused for is in its `error`, and the others go on. A card at which"
    " somebody else is (`claimed`) is left alone. A repeat is harmless, so an Idempotency-Key is accepted and ignored."
)


class ReviewCounts(Door):
    allow: ClassVar = {"GET": PEOPLE}

    @extend_schema(operation_id="reviews_count", responses=CountsShape)
    def get(self, request: Call) -> Response:
        """How many wait, are yours, are due soon and are new to you: what a badge shows."""
        return Response(CountsShape(counts_for(int(request.user.id))).data)


class ReviewSeen(Door):
    allow: ClassVar = {"POST": ANY_APPROVER}

    @extend_schema(operation_id="reviews_see", request=None, responses={204: None})
    def post(self, request: Call, review_id: UUID) -> Response:
        """You have opened it, so it is no longer new to you. Reading it says nothing."""
        card = ReviewCard.objects.get_or_refuse(review_id)
        taking.see(card_id=card.pk, by=request.user.actor)
        return Response(status=204)


class ReviewNext(Door):
    allow: ClassVar = {"POST": ANY_APPROVER}

    @extend_schema(operation_id="reviews_next", request=NextReview, responses=NextReviewShape)
    def post(self, request: Call) -> Response:
        """Claims the card that is due first of those which you may approve and nobody is at. Two callers never get the same."""
        said = NextReview.read(request.data)
        chosen = claim_next.Chosen(kind=said.get("kind"), session_id=said.get("session"))
        card = claim_next.claim_next(roles=request.user.roles, by=request.user.actor, chosen=chosen)
        return Response({"review": ReviewShape(show_reviews([card])[0]).data if card else None})


class ReviewRelease(Door):
    allow: ClassVar = {"POST": ANY_APPROVER}

    @extend_schema(operation_id="reviews_release", request=None, responses=ReviewShape)
    def post(self, request: Call, review_id: UUID) -> Response:
        """Puts back a card that you claimed."""
        card = actions.lock(review_id)
        taking.release(card=card, by=request.user.actor)
        return Response(ReviewShape(show_reviews([card])[0]).data)


class ReviewDecisions(Door):
    allow: ClassVar = {"POST": ANY_APPROVER}
    own_transactions = True

    @extend_schema(
        operation_id="reviews_decide_many", description=DECISIONS, request=NewDecisions, responses=DecisionsShape
    )
    def post(self, request: Call) -> Response:
        said = NewDecisions.read(request.data)
        outcomes = decide_many.decide_many(
            tenant_id=request.user.tenant_id,
            chosen=[decide_many.Chosen(one["id"], one.get("version")) for one in said["reviews"]],
            decision=Decision(said["decision"]),
            note=said["note"],
            by=request.user.actor,
        )
        return Response({"outcomes": [_shown(outcome) for outcome in outcomes]})


def _shown(outcome: decide_many.Outcome) -> dict[str, Any]:
    if outcome.status:
        return {"review": str(outcome.card_id), "status": outcome.status}
    return {"review": str(outcome.card_id), "error": {"code": outcome.code, "detail": outcome.detail}}
