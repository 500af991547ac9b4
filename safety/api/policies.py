"""Policies: admins write them, and everybody in the tenant reads them."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.replay_policy import replay_policy, show_replay
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import choice_or_refuse, page
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.http.versions import expected_version
from chimera.kernel.identity import Role
from safety import shapes
from safety.actions import policies as actions
from safety.models import Policy as Row
from safety.policies import parse
from safety.serializers import (
    NewPolicy,
    NewPolicyRules,
    NewPolicyStatus,
    PolicyDetailShape,
    PolicyReplayShape,
    PolicyShape,
    PolicyVersionShape,
    PreviewedPolicy,
)
from safety.states import PolicyStatus

POLICY_WRITERS = frozenset({Role.ADMIN})


class Policies(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": POLICY_WRITERS}
    knows: ClassVar = paged("status")

    @extend_schema(operation_id="policies_list", responses=page_of(PolicyShape))
    def get(self, request: Call) -> Response:
        rows = Row.objects.all()
        if status := request.query_params.get("status"):
            choice_or_refuse(status, "status", [s.value for s in PolicyStatus])
            rows = rows.filter(status=status)
        return page(rows, request, shapes.policies)

    @extend_schema(operation_id="policies_create", request=NewPolicy, responses={201: PolicyDetailShape})
    def post(self, request: Call) -> Response:
        said = _said(NewPolicy, request)
        policy = actions.create(
            name=said["name"].strip(),
            rules=parse(said["rules"]),
            note=said["note"],
            status=PolicyStatus(said["status"]),
            by=request.user.actor,
        )
        return Response(_shown(policy), status=201)


class Policy(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="policies_read", responses=PolicyDetailShape)
    def get(self, request: Call, policy_id: UUID) -> Response:
        return Response(_shown(Row.objects.get_or_refuse(policy_id)))


class PolicyRules(Door):
    allow: ClassVar = {"PUT": POLICY_WRITERS}

    @extend_schema(operation_id="policies_replace_rules", request=NewPolicyRules, responses=PolicyDetailShape)
    def put(self, request: Call, policy_id: UUID) -> Response:
        said = _said(NewPolicyRules, request)
        policy = actions.replace(
            policy_id=policy_id,
            rules=parse(said["rules"]),
            note=said["note"],
            expected_version=expected_version(request, said.get("version")),
            by=request.user.actor,
        )
        return Response(_shown(policy))


class PolicyStatusChange(Door):
    allow: ClassVar = {"POST": POLICY_WRITERS}

    @extend_schema(operation_id="policies_switch", request=NewPolicyStatus, responses=PolicyDetailShape)
    def post(self, request: Call, policy_id: UUID) -> Response:
        said = _said(NewPolicyStatus, request)
        policy = actions.switch(
            policy_id=policy_id, status=PolicyStatus(said["status"]), reason=said["reason"], by=request.user.actor
        )
        return Response(_shown(policy))


class PolicyVersions(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = paged()

    @extend_schema(operation_id="policies_versions", responses=page_of(PolicyVersionShape))
    def get(self, request: Call, policy_id: UUID) -> Response:
        return page(Row.objects.get_or_refuse(policy_id).versions.all(), request, shapes.versions)


class PolicyPreview(Door):
    """The last thirty days, had these been its rules, and had it been enforced."""

    allow: ClassVar = {"POST": POLICY_WRITERS}
    nudges = False  # it writes nothing

    @extend_schema(operation_id="policies_preview", request=PreviewedPolicy, responses=PolicyReplayShape)
    def post(self, request: Call, policy_id: UUID) -> Response:
        said = _said(PreviewedPolicy, request)
        policy = Row.objects.get_or_refuse(policy_id)
        return Response(show_replay(replay_policy(policy=policy, rules=parse(said["rules"]))))


def _said(serializer: Any, request: Call) -> dict[str, Any]:
    said = serializer(data=request.data)
    said.is_valid(raise_exception=True)
    return dict(said.validated_data)


def _shown(policy: Row) -> dict[str, Any]:
    return shapes.policy(policy, actions.version_of(policy))
