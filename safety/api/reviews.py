"""Reviews: list, read, claim, decide. People only."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.decide_review import decide_review
from chimera.flows.show_reviews import show_reviews
from chimera.kernel import clock
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import choice_or_refuse, page, uuid_or_refuse
from chimera.kernel.http.permissions import PEOPLE
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.identity import Role
from safety import actions
from safety.actions import taking
from safety.models import ReviewCard
from safety.quorum import ANY_APPROVER
from safety.serializers import NewDecision, ReviewClaimShape, ReviewShape
from safety.states import CardStatus, Decision

REVIEWERS = frozenset({Role.REVIEWER, Role.ADMIN})
QUEUES = ("mine", "unclaimed", "due_soon", "unseen")
DECIDERS = ANY_APPROVER  # at the door; whom this card asks is said by its quorum


class Reviews(Door):
    allow: ClassVar = {"GET": PEOPLE}
    knows: ClassVar = paged("status", "session", "task", "queue")

    @extend_schema(operation_id="reviews_list", responses=page_of(ReviewShape))
    def get(self, request: Call) -> Response:
        rows = ReviewCard.objects.select_related("claimed_by", "decided_by")
        asked = request.query_params
        if status := asked.get("status"):
            choice_or_refuse(status, "status", [s.value for s in CardStatus])
            rows = rows.filter(status=status)
            rows = rows.exclude(kind="judge") if status == CardStatus.PENDING else rows
        if queue := asked.get("queue"):
            rows = _queue(rows, choice_or_refuse(queue, "queue", list(QUEUES)), int(request.user.id))
        if session := asked.get("session"):
            rows = rows.filter(session_id=uuid_or_refuse(session, "session"))
        if task := asked.get("task"):
            rows = rows.filter(task_id=uuid_or_refuse(task, "task"))
        return page(rows, request, show_reviews_data)


def _queue(rows: Any, queue: str, person_id: int) -> Any:
    """Of what waits: what this person is at, what nobody is at, what is due soon, what this person has not opened."""
    at = clock.now()
    match queue:
        case "mine":
            return rows.held_by(person_id, at)
        case "unclaimed":
            return rows.free(at)
        case "due_soon":
            return rows.due_soon(at)
        case _:
            return rows.unseen_by(person_id)


def show_reviews_data(cards: list[ReviewCard]) -> list[object]:
    return list(ReviewShape(show_reviews(cards), many=True).data)


class Review(Door):
    allow: ClassVar = {"GET": PEOPLE}

    @extend_schema(operation_id="reviews_read", responses=ReviewShape)
    def get(self, request: Call, review_id: UUID) -> Response:
        card = ReviewCard.objects.select_related("claimed_by", "decided_by").get_or_refuse(review_id)
        return Response(show_reviews_data([card])[0])


class ReviewClaim(Door):
    allow: ClassVar = {"POST": REVIEWERS}

    @extend_schema(operation_id="reviews_claim", request=None, responses=ReviewClaimShape)
    def post(self, request: Call, review_id: UUID) -> Response:
        card = actions.lock(review_id)
        actions.claim(card=card, by=request.user.actor)
        taking.see(card_id=card.pk, by=request.user.actor)
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
            by=request.user.actor,
        )
        return Response(show_reviews_data([card])[0])
