"""Temporary increases: finance and admins grant and revoke them, everyone in the tenant reads them."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chimera.kernel.http.door import Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of, paged
from commerce import shapes
from commerce.actions import increases
from commerce.api import caller
from commerce.api.budgets import BUDGET_HOLDERS
from commerce.models import BudgetConfig
from commerce.serializers import IncreaseShape, NewIncrease
from commerce.states import WindowKind


class BudgetIncreases(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": BUDGET_HOLDERS}
    knows: ClassVar = paged()

    @extend_schema(operation_id="increases_list", responses=page_of(IncreaseShape))
    def get(self, request: Request, budget_id: UUID) -> Response:
        return page(BudgetConfig.objects.get_or_refuse(budget_id).increases.all(), request, shapes.increases)

    @extend_schema(operation_id="increases_grant", request=NewIncrease, responses={201: IncreaseShape})
    def post(self, request: Request, budget_id: UUID) -> Response:
        new = NewIncrease(data=request.data)
        new.is_valid(raise_exception=True)
        said = dict(new.validated_data)
        increase = increases.grant(
            budget_id=budget_id, window=WindowKind(said.pop("window")), by=caller(request).actor, **said
        )
        return Response(shapes.increase(increase), status=201)


class IncreaseRevocation(Door):
    allow: ClassVar = {"POST": BUDGET_HOLDERS}

    @extend_schema(operation_id="increases_revoke", request=None, responses=IncreaseShape)
    def post(self, request: Request, increase_id: UUID) -> Response:
        return Response(shapes.increase(increases.revoke(increase_id=increase_id, by=caller(request).actor)))
