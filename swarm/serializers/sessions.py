"""Sessions."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from swarm.serializers.basics import choices
from swarm.states import SessionStatus


class NewSession(StrictSerializer):
    campaign = serializers.UUIDField(required=False, allow_null=True, default=None)
    name = TextField(max_length=200, required=False, allow_blank=True, default="")
    context = JSONField(required=False, default=dict)


class SessionChange(StrictSerializer):
    name = TextField(max_length=200, required=False, allow_blank=True)
    context = JSONField(required=False)
    state_version = StrictIntegerField(
        min_value=1,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless it is still this version.",
    )


class SessionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    campaign = serializers.UUIDField(source="campaign_id", allow_null=True)
    name = serializers.CharField()
    context = serializers.DictField()
    status = serializers.ChoiceField(choices=choices(SessionStatus))
    state_version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
