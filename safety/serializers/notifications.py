"""HTTP shapes of notification targets and of what is sent to them. Secrets are shown once, when they are made."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import StrictIntegerField, StrictSerializer, TextField
from safety.models import Occasion, TargetKind
from safety.models.delivery import ADDRESS_LENGTH_MAX
from safety.quorum import ANY_APPROVER
from safety.states import DeliveryStatus, TargetStatus

OCCASIONS = [Occasion.WAITS.value, Occasion.DUE.value, Occasion.ESCALATED.value]
ROLES = sorted(str(role) for role in ANY_APPROVER)
OVERLAP_HOURS_MAX = 168


def _occasions(**more: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(choices=OCCASIONS), min_length=1, max_length=len(OCCASIONS), **more
    )


def _roles(**more: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(choices=ROLES),
        max_length=len(ROLES),
        required=False,
        help_text="Only cards that ask one of these; empty: every card.",
        **more,
    )


class NewNotificationTarget(StrictSerializer):
    name = TextField(max_length=80)
    kind = serializers.ChoiceField(choices=TargetKind.values)
    address = TextField(
        max_length=ADDRESS_LENGTH_MAX, help_text="https://… of a webhook, on a public address; or an e-mail address."
    )
    occasions = _occasions(required=False, default=OCCASIONS)
    roles = _roles(default=[])


class NotificationTargetChange(StrictSerializer):
    name = TextField(max_length=80, required=False)
    address = TextField(max_length=ADDRESS_LENGTH_MAX, required=False)
    occasions = _occasions(required=False)
    roles = _roles()


class NewTargetStatus(StrictSerializer):
    status = serializers.ChoiceField(choices=[s.value for s in TargetStatus])
    reason = TextField(max_length=500)


class NewSecret(StrictSerializer):
    overlap_hours = StrictIntegerField(
        min_value=0,
        max_value=OVERLAP_HOURS_MAX,
        required=False,
        default=24,
        help_text="So long the earlier secret signs too; 0: it is dead at once.",
    )


class NotificationTargetShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=TargetKind.values)
    address = serializers.CharField(source="shown_address", help_text="Of a webhook's path no more than how it ends.")
    occasions = serializers.ListField(child=serializers.CharField())
    roles = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(choices=[s.value for s in TargetStatus])
    earlier_secret_until = serializers.DateTimeField(source="secret_before_until", allow_null=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class MadeNotificationTargetShape(NotificationTargetShape):
    secret = serializers.CharField(
        allow_null=True, help_text="whsec_…, of a webhook. It is not shown again; null for e-mail."
    )


class DeliveryShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    target = serializers.UUIDField(source="target_id")
    target_name = serializers.CharField(source="target.name")
    review = serializers.UUIDField(source="card_id", allow_null=True)
    occasion = serializers.ChoiceField(choices=Occasion.values)
    step = serializers.CharField()
    status = serializers.ChoiceField(choices=[s.value for s in DeliveryStatus])
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.SerializerMethodField()
    error = serializers.CharField(help_text="Of the last try, or why it was dropped.")
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_next_attempt_at(self, row: Any) -> str | None:
        return row.next_attempt_at if row.status == DeliveryStatus.PENDING else None


class DeliveryAttemptShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    taken = serializers.BooleanField()
    status_code = serializers.IntegerField(allow_null=True)
    detail = serializers.CharField()
    duration_ms = serializers.IntegerField()
    at = serializers.DateTimeField()


class DeliveryDetailShape(DeliveryShape):
    message = serializers.DictField(help_text="As it is sent, without its link.")
    link_used_at = serializers.DateTimeField(allow_null=True)
    link_used_by = serializers.CharField()
    tries = DeliveryAttemptShape(
        many=True, source="tries_in_order", help_text="Oldest first. A try that died with its sender is missing."
    )
