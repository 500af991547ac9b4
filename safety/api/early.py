"""Decisions by the key of their question: of the card that is open under it, or early, of the one to come. People only."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.decide_early import decide_early
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import choice_or_refuse, page
from chimera.kernel.http.permissions import PEOPLE
from chimera.kernel.http.schema import page_of, paged
from safety.actions import early
from safety.api.reviews import DECIDERS, show_reviews_data
from safety.models import EarlyDecision, ReviewCard
from safety.serializers import EarlyDecisionShape, NewEarlyDecision, ReviewShape
from safety.states import Decision, EarlyStatus


class EarlyDecisions(Door):
    allow: ClassVar = {"GET": PEOPLE, "POST": DECIDERS}
    knows: ClassVar = paged("status", "correlation_key")

    @extend_schema(operation_id="early_decisions_list", responses=page_of(EarlyDecisionShape))
    def get(self, request: Call) -> Response:
        rows = EarlyDecision.objects.select_related("person")
        if status := request.query_params.get("status"):
            rows = rows.filter(status=choice_or_refuse(status, "status", [s.value for s in EarlyStatus]))
        if key := request.query_params.get("correlation_key"):
            rows = rows.filter(correlation_key=key)
        return page(rows, request, _shown)

    @extend_schema(
        operation_id="reviews_decide_by_key",
        request=NewEarlyDecision,
        responses={200: ReviewShape, 202: EarlyDecisionShape},
    )
    def post(self, request: Call) -> Response:
        """200 with the card that was open under the key; 202 where none was there yet, and the decision waits for it."""
        said = dict(NewEarlyDecision.read(request.data))
        decided = decide_early(decision=Decision(said.pop("decision")), by=request.user.actor, **said)
        if isinstance(decided, ReviewCard):
            return Response(show_reviews_data([decided])[0])
        return Response(EarlyDecisionShape(decided).data, status=202)


class EarlyDecisionWithdrawal(Door):
    """Whose it is takes it back; nobody's rejection is needed for that."""

    allow: ClassVar = {"POST": DECIDERS}

    @extend_schema(operation_id="early_decisions_withdraw", request=None, responses=EarlyDecisionShape)
    def post(self, request: Call, early_decision_id: UUID) -> Response:
        return Response(EarlyDecisionShape(early.withdraw(early_id=early_decision_id, by=request.user.actor)).data)


def _shown(rows: list[EarlyDecision]) -> list[Any]:
    return list(EarlyDecisionShape(rows, many=True).data)
