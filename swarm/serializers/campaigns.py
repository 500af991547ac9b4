"""Campaigns."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from swarm.serializers.basics import choices
from swarm.states import CampaignStatus


class NewCampaign(StrictSerializer):
    name = TextField(max_length=200)
    goal = TextField(max_length=20_000)
    context = JSONField(required=False, default=dict)


class CampaignChange(StrictSerializer):
    goal = TextField(max_length=20_000, required=False)
    context = JSONField(required=False)
    state_version = StrictIntegerField(
        min_value=1,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless it is still this version.",
    )


class CampaignShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    goal = serializers.CharField()
    context = serializers.DictField()
    status = serializers.ChoiceField(choices=choices(CampaignStatus))
    state_version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
