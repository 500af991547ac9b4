"""Concurrency limits: create, list, read, change, remove. Of the tenant, of a role, or of a concurrency_key."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.kernel.errors import not_found
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import ANYONE, OPERATORS
from chimera.kernel.http.schema import page_of, paged
from swarm.actions import limits
from swarm.models import ConcurrencyLimit
from swarm.serializers.limits import LimitChange, LimitRemovedShape, LimitShape, NewLimit
from swarm.states import LimitScope


class Limits(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": OPERATORS}
    knows: ClassVar = paged()

    @extend_schema(operation_id="limits_list", responses=page_of(LimitShape))
    def get(self, request: Call) -> Response:
        return page(ConcurrencyLimit.objects.all(), request, lambda rows: LimitShape(rows, many=True).data)

    @extend_schema(operation_id="limits_create", request=NewLimit, responses={201: LimitShape})
    def post(self, request: Call) -> Response:
        """A key without a limit of its own runs one task at a time, unless a limit with scope key and no value says more."""
        said = NewLimit(data=request.data)
        said.is_valid(raise_exception=True)
        fields = dict(said.validated_data)
        limit = limits.create(scope=LimitScope(fields.pop("scope")), **fields, by=request.user.actor)
        return Response(LimitShape(limit).data, status=201)


class Limit(Door):
    allow: ClassVar = {"GET": ANYONE, "PATCH": OPERATORS}

    @extend_schema(operation_id="limits_read", responses=LimitShape)
    def get(self, request: Call, limit_id: UUID) -> Response:
        limit = ConcurrencyLimit.objects.filter(pk=limit_id).first()
        if limit is None:
            raise not_found("concurrency limit")
        return Response(LimitShape(limit).data)

    @extend_schema(operation_id="limits_change", request=LimitChange, responses=LimitShape)
    def patch(self, request: Call, limit_id: UUID) -> Response:
        said = LimitChange(data=request.data)
        said.is_valid(raise_exception=True)
        limit = limits.lock(limit_id)
        limits.change(limit=limit, running_max=said.validated_data["running_max"], by=request.user.actor)
        return Response(LimitShape(limit).data)


class LimitRemoval(Door):
    allow: ClassVar = {"POST": OPERATORS}

    @extend_schema(operation_id="limits_remove", request=None, responses=LimitRemovedShape)
    def post(self, request: Call, limit_id: UUID) -> Response:
        """From the next claim on what it kept waiting may run. A key is never without a limit: it falls back to what every
        key has, which is one task at a time unless a limit with scope key and no value says more."""
        limit = limits.lock(limit_id)
        falls_back_to = limits.without(limit)
        limits.remove(limit=limit, by=request.user.actor)
        return Response({**LimitShape(limit).data, "falls_back_to": falls_back_to})
