"""The doors of erasures: an admin asks for one, and admins and auditors read the receipts."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.kernel.errors import not_found
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.schema import page_of
from chimera.kernel.identity import Role
from memory.actions import erasing
from memory.models import ErasureScope, MemoryErasure
from memory.receipts import receipt
from memory.serializers.erasures import ErasureQuery, ErasureShape, NewErasure

READERS = frozenset({Role.ADMIN, Role.AUDITOR})


class Erasures(Door):
    allow: ClassVar = {"GET": READERS, "POST": frozenset({Role.ADMIN})}
    knows: ClassVar = (ErasureQuery,)

    @extend_schema(operation_id="memory_erasures_list", responses=page_of(ErasureShape))
    def get(self, request: Call) -> Response:
        """Newest first."""
        said = ErasureQuery(data=request.query_params.dict())
        said.is_valid(raise_exception=True)
        chosen = {name: said.validated_data[name] for name in ("status", "scope") if name in said.validated_data}
        return page(MemoryErasure.objects.filter(**chosen), request, lambda found: [_shown(each) for each in found])

    @extend_schema(operation_id="memory_erasures_create", request=NewErasure, responses={202: ErasureShape})
    def post(self, request: Call) -> Response:
        """Have memory erased for good: in PostgreSQL, index and caches. Nothing brings it back; the receipt says how far it is."""
        said = NewErasure.read(request.data)
        erasure = erasing.request(
            scope=ErasureScope(said["scope"]), whose=said["whose"], reason=said["reason"], by=request.user.actor
        )
        return Response(_shown(erasure), status=202)


class Erasure(Door):
    allow: ClassVar = {"GET": READERS}

    @extend_schema(operation_id="memory_erasures_read", responses=ErasureShape)
    def get(self, request: Call, erasure_id: UUID) -> Response:
        """The receipt, as far as it has come."""
        found = MemoryErasure.objects.filter(pk=erasure_id).first()
        if found is None:
            raise not_found("erasure")
        return Response(_shown(found))


def _shown(erasure: MemoryErasure) -> dict[str, Any]:
    return dict(ErasureShape(receipt(erasure)).data)
