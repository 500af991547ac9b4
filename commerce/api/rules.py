"""A budget's rules: finance and admins replace and preview them, everyone in the tenant reads them."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chimera.kernel.http.door import Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.http.versions import expected_version
from commerce import rules, shapes
from commerce.actions import rules as actions
from commerce.actions.previewing import preview
from commerce.api import caller
from commerce.api.budgets import BUDGET_HOLDERS
from commerce.models import BudgetConfig
from commerce.serializers import NewRules, PreviewedRules, PreviewShape, RulesShape


class BudgetRules(Door):
    allow: ClassVar = {"GET": ANYONE, "PUT": BUDGET_HOLDERS}

    @extend_schema(operation_id="rules_read", responses=RulesShape)
    def get(self, request: Request, budget_id: UUID) -> Response:
        return Response(shapes.acting_rules(BudgetConfig.objects.get_or_refuse(budget_id)))

    @extend_schema(operation_id="rules_replace", request=NewRules, responses=RulesShape)
    def put(self, request: Request, budget_id: UUID) -> Response:
        said = _said(NewRules, request)
        budget = actions.replace(
            budget_id=budget_id,
            rules=rules.parse(said["rules"]),
            expected_version=expected_version(request, said.get("version")),
            by=caller(request).actor,
        )
        return Response(shapes.acting_rules(budget))


class BudgetRulesVersions(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = paged()

    @extend_schema(operation_id="rules_versions", responses=page_of(RulesShape))
    def get(self, request: Request, budget_id: UUID) -> Response:
        return page(BudgetConfig.objects.get_or_refuse(budget_id).rules.all(), request, shapes.rules_versions)


class BudgetRulesPreview(Door):
    allow: ClassVar = {"POST": BUDGET_HOLDERS}
    nudges = False  # it writes nothing

    @extend_schema(operation_id="rules_preview", request=PreviewedRules, responses=PreviewShape)
    def post(self, request: Request, budget_id: UUID) -> Response:
        said = _said(PreviewedRules, request)
        budget = BudgetConfig.objects.get_or_refuse(budget_id)
        return Response(shapes.preview(preview(budget=budget, rules=rules.parse(said["rules"]))))


def _said(serializer: Any, request: Request) -> dict[str, Any]:
    said = serializer(data=request.data)
    said.is_valid(raise_exception=True)
    return dict(said.validated_data)
