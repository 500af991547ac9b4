"""The door of a tenant's policy of memory: admins write it, and everybody in the tenant reads it."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.versions import expected_version
from chimera.kernel.identity import Role
from memory import actions
from memory.actions import policies
from memory.models import MemoryPolicy
from memory.serializers.policy import FadingPreviewBody, FadingPreviewShape, MemoryPolicyShape, NewMemoryPolicy


class Policy(Door):
    allow: ClassVar = {"GET": ANYONE, "PUT": frozenset({Role.ADMIN})}

    @extend_schema(operation_id="memories_policy_read", responses=MemoryPolicyShape)
    def get(self, request: Call) -> Response:
        """What becomes of personal data and secrets in what agents want remembered, and what fades."""
        return Response(_shown(policies.standing()))

    @extend_schema(operation_id="memories_policy_replace", request=NewMemoryPolicy, responses=MemoryPolicyShape)
    def put(self, request: Call) -> Response:
        """Screening is for what is remembered from now on, and what is stored stays as it is; fading is for all, from the next hour on."""
        body = NewMemoryPolicy(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        policy = actions.change_policy(
            screening=said.get("screening"),
            fading=said.get("fading"),
            expected_version=expected_version(request, said.get("version")),
            by=request.user.actor,
        )
        return Response(_shown(policy))


class PolicyPreview(Door):
    allow: ClassVar = {"POST": frozenset({Role.ADMIN})}
    nudges = False

    @extend_schema(
        operation_id="memories_policy_preview", request=FadingPreviewBody, responses={200: FadingPreviewShape}
    )
    def post(self, request: Call) -> Response:
        """What would fade now with this; nothing does."""
        seen = actions.preview_fading(FadingPreviewBody.read(request.data)["fading"])
        return Response(FadingPreviewShape(seen).data)


def _shown(policy: MemoryPolicy) -> dict[str, Any]:
    shown = {
        "screening": {str(pattern): str(deed) for pattern, deed in policies.deeds(policy).items()},
        "fading": policies.fading_of(policy).model_dump(mode="json"),
        "version": policy.version,
        "updated_at": policy.updated_at if policy.version else None,
    }
    return dict(MemoryPolicyShape(shown).data)
