"""The caller's tenant: read, pause, stop, resume; and the same for everything, by those who run the installation."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows import stop_tenant
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import ANYONE, OPERATORS, PEOPLE
from chimera.kernel.http.schema import page_of, paged
from swarm.actions import stops
from swarm.models import Stop, Tenant
from swarm.serializers.stops import StopShape, TenantShape, Why, tenant_shape
from swarm.states import StopKind


def _shown(request: Call) -> Response:
    return Response(tenant_shape(Tenant.objects.get(pk=request.user.tenant_id), stops.acting()))


def _reason(request: Call) -> str:
    said = Why(data=request.data)
    said.is_valid(raise_exception=True)
    return str(said.validated_data["reason"])


class TenantDoor(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="tenant_read", responses=TenantShape)
    def get(self, request: Call) -> Response:
        return _shown(request)


class TenantVerb(Door):
    """`stop` accepts nothing of any agent from its commit on; `resume` lifts what this tenant paused or stopped."""

    allow: ClassVar = {"POST": OPERATORS}
    verb = ""

    @extend_schema(request=Why, responses=TenantShape)
    def post(self, request: Call) -> Response:
        reason, by = _reason(request), request.user.actor
        if self.verb == "resume":
            self.stop = stop_tenant.resume_tenant(reason=reason, by=by)
        else:
            self.stop = stop_tenant.stop_tenant(kind=StopKind(self.verb), reason=reason, by=by)
        return _shown(request)

    def afterwards(self, request: Call, response: Response) -> None:
        stop_tenant.follow_up(self.stop, by=request.user.actor)


class EverythingVerb(Door):
    """The same for every tenant, and for those that are yet to come. For superusers, whatever their role."""

    allow: ClassVar = {"POST": PEOPLE}
    own_transactions = True
    verb = ""

    @extend_schema(request=Why, responses=StopShape)
    def post(self, request: Call) -> Response:
        by = request.user.actor
        stops.check_runs_everything(by)
        reason = _reason(request)
        if self.verb == "resume":
            stop = stop_tenant.resume_everything(reason=reason, by=by)
        else:
            stop = stop_tenant.stop_everything(kind=StopKind(self.verb), reason=reason, by=by)
        stop_tenant.follow_up(stop, by=by)
        return Response(StopShape(stop).data)


class Stops(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = paged()

    @extend_schema(operation_id="stops_list", responses=page_of(StopShape))
    def get(self, request: Call) -> Response:
        """Those of this tenant and of everything, newest first; what acts still has no `lifted_at`."""
        return page(Stop.objects.all(), request, lambda rows: StopShape(rows, many=True).data)
