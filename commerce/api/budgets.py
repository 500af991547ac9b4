"""Budgets: finance and admins set them, everyone in the tenant reads them."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chimera.flows.change_budget import change_budget
from chimera.flows.create_budget import create_budget
from chimera.flows.show_outlook import show_outlook
from chimera.kernel.http.door import Door
from chimera.kernel.http.pages import choice_or_refuse, page, uuid_or_refuse
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.http.versions import expected_version
from chimera.kernel.identity import Role
from commerce import shapes
from commerce.api import caller
from commerce.models import BudgetConfig
from commerce.serializers import BudgetChange, BudgetShape, NewBudget, UsageShape
from commerce.states import Currency, Scope

BUDGET_HOLDERS = frozenset({Role.FINANCE, Role.ADMIN})


class Budgets(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": BUDGET_HOLDERS}
    knows: ClassVar = paged("scope", "scope_id")

    @extend_schema(operation_id="budgets_list", responses=page_of(BudgetShape))
    def get(self, request: Request) -> Response:
        return page(_filtered(request), request, shapes.budgets)

    @extend_schema(operation_id="budgets_create", request=NewBudget, responses={201: BudgetShape})
    def post(self, request: Request) -> Response:
        new = NewBudget(data=request.data)
        new.is_valid(raise_exception=True)
        said = dict(new.validated_data)
        budget = create_budget(
            scope=Scope(said.pop("scope")),
            scope_id=said.pop("scope_id"),
            currency=Currency(said.pop("currency")),
            is_active=said.pop("is_active"),
            limits=said,
            by=caller(request).actor,
        )
        return Response(shapes.budget(budget), status=201)


class Budget(Door):
    allow: ClassVar = {"GET": ANYONE, "PATCH": BUDGET_HOLDERS}

    @extend_schema(operation_id="budgets_read", responses=BudgetShape)
    def get(self, request: Request, budget_id: UUID) -> Response:
        return Response(shapes.budget(BudgetConfig.objects.get_or_refuse(budget_id)))

    @extend_schema(operation_id="budgets_change", request=BudgetChange, responses=BudgetShape)
    def patch(self, request: Request, budget_id: UUID) -> Response:
        change = BudgetChange(data=request.data)
        change.is_valid(raise_exception=True)
        said = dict(change.validated_data)
        expected = expected_version(request, said.pop("version", None))
        budget = change_budget(budget_id=budget_id, changes=said, expected_version=expected, by=caller(request).actor)
        return Response(shapes.budget(budget))


class BudgetUsage(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="budgets_usage", responses=UsageShape)
    def get(self, request: Request, budget_id: UUID) -> Response:
        budget = BudgetConfig.objects.get_or_refuse(budget_id)
        seen = show_outlook(budget)
        return Response(shapes.usage(seen.limits, seen.increases, seen.forecasts))


def _filtered(request: Request) -> Any:
    rows = BudgetConfig.objects.all()
    if scope := request.query_params.get("scope"):
        rows = rows.filter(scope=choice_or_refuse(scope, "scope", [s.value for s in Scope]))
    if scope_id := request.query_params.get("scope_id"):
        rows = rows.filter(scope_id=uuid_or_refuse(scope_id, "scope_id"))
    return rows
