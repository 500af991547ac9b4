"""Reviews: list, read, claim, decide. People only."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.card_as_data import card_as_data
from chimera.flows.decide_review import decide_review
from chimera.flows.show_card import show_card, to_show
from chimera.flows.show_reviews import show_reviews, show_reviews_briefly
from chimera.kernel import clock
from chimera.kernel.errors import not_found
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page, page_in_turn
from chimera.kernel.http.permissions import PEOPLE
from chimera.kernel.http.schema import page_of
from safety import actions
from safety.actions import taking
from safety.models import CardKind, ReviewCard
from safety.quorum import ANY_APPROVER
from safety.serializers import BriefReviewShape, ListedReviewShape, NewDecision, ReviewClaimShape, ReviewShape
from safety.serializers.cards import CardShape
from safety.serializers.queue import Queue, ReviewsQuery
from safety.states import CardStatus, Decision

DECIDERS = ANY_APPROVER  # at the door; whom this card asks is said by its quorum


class Reviews(Door):
    allow: ClassVar = {"GET": PEOPLE}
    knows: ClassVar = (ReviewsQuery,)

    @extend_schema(operation_id="reviews_list", responses=page_of(ListedReviewShape))
    def get(self, request: Call) -> Response:
        """Newest first; those of a `queue` that wait as they are due."""
        asked = ReviewsQuery.read(request.query_params.dict())
        rows = _narrowed(ReviewCard.objects.select_related("session", "claimed_by", "decided_by"), asked)
        shown = _briefly if asked.get("brief") == "true" else _listed
        if queue := asked.get("queue"):
            rows = _queue(rows, Queue(queue), int(request.user.id))
            if queue == Queue.DECIDED:
                return page(rows, request, shown)
            return page_in_turn(rows, request, shown, moment="due_at")
        return page(rows, request, shown)


def _narrowed(rows: Any, asked: dict[str, Any]) -> Any:
    columns = {"status": "status", "kind": "kind", "session": "session_id", "task": "task_id"}
    rows = rows.filter(**{column: asked[name] for name, column in columns.items() if name in asked})
    if asked.get("status") == CardStatus.PENDING:
        rows = rows.exclude(kind=CardKind.JUDGE)
    if "reason" in asked:
        rows = rows.because_of(asked["reason"])
    return rows.about(asked["search"]) if "search" in asked else rows


def _queue(rows: Any, queue: Queue, person_id: int) -> Any:
    at = clock.now()
    match queue:
        case Queue.WAITING:
            return rows.waiting()
        case Queue.MINE:
            return rows.held_by(person_id, at)
        case Queue.UNCLAIMED:
            return rows.free(at)
        case Queue.DUE_SOON:
            return rows.due_soon(at)
        case Queue.UNSEEN:
            return rows.unseen_by(person_id)
        case Queue.JUDGE:
            return rows.at_judge()
        case Queue.DECIDED:
            return rows.over()


def show_reviews_data(cards: list[ReviewCard]) -> list[object]:
    return list(ReviewShape(show_reviews(cards), many=True).data)


def _listed(cards: list[ReviewCard]) -> list[object]:
    return list(ListedReviewShape(_named(cards, show_reviews(cards)), many=True).data)


def _briefly(cards: list[ReviewCard]) -> list[object]:
    return list(BriefReviewShape(_named(cards, show_reviews_briefly(cards)), many=True).data)


def _named(cards: list[ReviewCard], shapes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [shape | {"session_name": str(card.session)} for card, shape in zip(cards, shapes, strict=True)]


class Review(Door):
    allow: ClassVar = {"GET": PEOPLE}

    @extend_schema(operation_id="reviews_read", responses=ReviewShape)
    def get(self, request: Call, review_id: UUID) -> Response:
        card = ReviewCard.objects.select_related("claimed_by", "decided_by").get_or_refuse(review_id)
        return Response(show_reviews_data([card])[0])


class ReviewPage(Door):
    allow: ClassVar = {"GET": PEOPLE}

    @extend_schema(operation_id="reviews_card", responses=CardShape)
    def get(self, request: Call, review_id: UUID) -> Response:
        """All that its page in the console shows, as you see it: `GET /reviews/{id}` under `review`, beside it plain words, what is open
        to you, money, the difference to the last time, what led here, how such cards were decided, and where the live feed goes on."""
        card = to_show(ReviewCard.objects.filter(pk=review_id)).first()
        if card is None:
            raise not_found("review")
        return Response(CardShape(card_as_data(card, show_card(card), who=request.user)).data)


class ReviewClaim(Door):
    allow: ClassVar = {"POST": DECIDERS}

    @extend_schema(operation_id="reviews_claim", request=None, responses=ReviewClaimShape)
    def post(self, request: Call, review_id: UUID) -> Response:
        card = actions.lock(review_id)
        actions.check_asked(card, request.user.roles)
        taking.take(card=card, by=request.user.actor)
        return Response({"claim_expires_at": card.claim_expires_at})


class ReviewDecision(Door):
    allow: ClassVar = {"POST": DECIDERS}

    @extend_schema(operation_id="reviews_decide", request=NewDecision, responses=ReviewShape)
    def post(self, request: Call, review_id: UUID) -> Response:
        said = NewDecision(data=request.data)
        said.is_valid(raise_exception=True)
        card = decide_review(
            card_id=review_id,
            decision=Decision(said.validated_data["decision"]),
            note=said.validated_data["note"],
            edited_payload=said.validated_data["edited_payload"],
            digest=said.validated_data["digest"],
            seen_version=said.validated_data["version"],
            by=request.user.actor,
        )
        return Response(show_reviews_data([card])[0])
