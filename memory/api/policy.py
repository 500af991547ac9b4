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
from memory.serializers.policy import MemoryPolicyShape, NewMemoryPolicy


class Policy(Door):
    allow: ClassVar = {"GET": ANYONE, "PUT": frozenset({Role.ADMIN})}

    @extend_schema(operation_id="memories_policy_read", responses=MemoryPolicyShape)
    def get(self, request: Call) -> Response:
        """What becomes of personal data and secrets in what agents want remembered."""
        return Response(_shown(policies.standing()))

    @extend_schema(operation_id="memories_policy_replace", request=NewMemoryPolicy, responses=MemoryPolicyShape)
    def put(self, request: Call) -> Response:
        """For what is remembered from now on; what is stored stays as it is."""
        body = NewMemoryPolicy(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        policy = actions.change_policy(
            screening=said["screening"],
            expected_version=expected_version(request, said.get("version")),
            by=request.user.actor,
        )
        return Response(_shown(policy))


def _shown(policy: MemoryPolicy) -> dict[str, Any]:
    shown = {
        "screening": {str(pattern): str(deed) for pattern, deed in policies.deeds(policy).items()},
        "version": policy.version,
        "updated_at": policy.updated_at if policy.version else None,
    }
    return dict(MemoryPolicyShape(shown).data)
