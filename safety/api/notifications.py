"""Notifications: admins say whom to tell, operators look at what was sent, and have it sent again."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows import notify
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import choice_or_refuse, page, uuid_or_refuse
from chimera.kernel.http.permissions import OPERATORS
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.identity import Role
from safety.actions import targets as actions
from safety.models import Delivery as Row
from safety.models import NotificationTarget as Target
from safety.models import TargetKind
from safety.serializers.notifications import (
    DeliveryDetailShape,
    DeliveryShape,
    MadeNotificationTargetShape,
    NewNotificationTarget,
    NewSecret,
    NewTargetStatus,
    NotificationTargetChange,
    NotificationTargetShape,
)
from safety.states import DeliveryStatus, TargetStatus

TARGET_WRITERS = frozenset({Role.ADMIN})
NOTIFICATION_READERS = OPERATORS | {Role.AUDITOR}


class NotificationTargets(Door):
    allow: ClassVar = {"GET": NOTIFICATION_READERS, "POST": TARGET_WRITERS}
    knows: ClassVar = paged("status")

    @extend_schema(operation_id="notification_targets_list", responses=page_of(NotificationTargetShape))
    def get(self, request: Call) -> Response:
        rows = Target.objects.all()
        if status := request.query_params.get("status"):
            choice_or_refuse(status, "status", [s.value for s in TargetStatus])
            rows = rows.filter(status=status)
        return page(rows, request, lambda found: NotificationTargetShape(found, many=True).data)

    @extend_schema(
        operation_id="notification_targets_create",
        request=NewNotificationTarget,
        responses={201: MadeNotificationTargetShape},
    )
    def post(self, request: Call) -> Response:
        """Every post to a webhook is signed with its secret, as Standard Webhooks has it."""
        said = _said(NewNotificationTarget, request)
        kind = TargetKind(said.pop("kind"))
        target, secret = actions.create(**said, kind=kind, by=request.user.actor)
        return Response(_made(target, secret), status=201)


class NotificationTarget(Door):
    allow: ClassVar = {"GET": NOTIFICATION_READERS, "PATCH": TARGET_WRITERS}

    @extend_schema(operation_id="notification_targets_read", responses=NotificationTargetShape)
    def get(self, request: Call, target_id: UUID) -> Response:
        return Response(NotificationTargetShape(Target.objects.get_or_refuse(target_id)).data)

    @extend_schema(
        operation_id="notification_targets_change", request=NotificationTargetChange, responses=NotificationTargetShape
    )
    def patch(self, request: Call, target_id: UUID) -> Response:
        said = _said(NotificationTargetChange, request)
        target = actions.change(target_id=target_id, said=said, by=request.user.actor)
        return Response(NotificationTargetShape(target).data)


class NotificationTargetStatus(Door):
    allow: ClassVar = {"POST": TARGET_WRITERS}

    @extend_schema(
        operation_id="notification_targets_switch", request=NewTargetStatus, responses=NotificationTargetShape
    )
    def post(self, request: Call, target_id: UUID) -> Response:
        said = _said(NewTargetStatus, request)
        target = actions.switch(
            target_id=target_id, status=TargetStatus(said["status"]), reason=said["reason"], by=request.user.actor
        )
        return Response(NotificationTargetShape(target).data)


class NotificationTargetSecret(Door):
    allow: ClassVar = {"POST": TARGET_WRITERS}

    @extend_schema(
        operation_id="notification_targets_rotate_secret", request=NewSecret, responses=MadeNotificationTargetShape
    )
    def post(self, request: Call, target_id: UUID) -> Response:
        said = _said(NewSecret, request)
        overlap = timedelta(hours=said["overlap_hours"])
        target, secret = actions.rotate(target_id=target_id, overlap=overlap, by=request.user.actor)
        return Response(_made(target, secret))


class NotificationTargetTest(Door):
    """Sends a message that is about nothing; what came of it, its delivery says."""

    allow: ClassVar = {"POST": TARGET_WRITERS}

    @extend_schema(operation_id="notification_targets_test", request=None, responses={202: DeliveryShape})
    def post(self, request: Call, target_id: UUID) -> Response:
        return Response(DeliveryShape(notify.send_test(target_id)).data, status=202)


class Deliveries(Door):
    allow: ClassVar = {"GET": NOTIFICATION_READERS}
    knows: ClassVar = paged("status", "target", "review")

    @extend_schema(operation_id="deliveries_list", responses=page_of(DeliveryShape))
    def get(self, request: Call) -> Response:
        rows, asked = Row.objects.select_related("target"), request.query_params
        if status := asked.get("status"):
            choice_or_refuse(status, "status", [s.value for s in DeliveryStatus])
            rows = rows.filter(status=status)
        if target := asked.get("target"):
            rows = rows.filter(target_id=uuid_or_refuse(target, "target"))
        if review := asked.get("review"):
            rows = rows.filter(card_id=uuid_or_refuse(review, "review"))
        return page(rows, request, lambda found: DeliveryShape(found, many=True).data)


class Delivery(Door):
    allow: ClassVar = {"GET": NOTIFICATION_READERS}

    @extend_schema(operation_id="deliveries_read", responses=DeliveryDetailShape)
    def get(self, request: Call, delivery_id: UUID) -> Response:
        return Response(_detail(Row.objects.select_related("target").get_or_refuse(delivery_id)))


class DeliveryReplay(Door):
    """Once more, with the same id and a fresh link."""

    allow: ClassVar = {"POST": OPERATORS}

    @extend_schema(operation_id="deliveries_replay", request=None, responses={202: DeliveryDetailShape})
    def post(self, request: Call, delivery_id: UUID) -> Response:
        return Response(_detail(notify.replay(delivery_id, by=request.user.actor)), status=202)


def _said(serializer: Any, request: Call) -> dict[str, Any]:
    said = serializer(data=request.data)
    said.is_valid(raise_exception=True)
    return dict(said.validated_data)


def _made(target: Target, secret: str | None) -> dict[str, Any]:
    return {**NotificationTargetShape(target).data, "secret": secret}


def _detail(row: Row) -> dict[str, Any]:
    row.tries_in_order = row.tries.order_by("number")  # type: ignore[attr-defined]
    return dict(DeliveryDetailShape(row).data)
