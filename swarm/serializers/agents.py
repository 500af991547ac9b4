"""Agents and their keys."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from swarm.serializers.basics import ROLES, choices
from swarm.states import AgentStatus, Inactivity


class NewAgent(StrictSerializer):
    name = TextField(max_length=80)
    role = serializers.ChoiceField(choices=ROLES)
    capabilities = serializers.ListField(child=TextField(max_length=64), required=False, default=list, max_length=50)
    tools_config = JSONField(required=False, default=dict)
    max_slots = StrictIntegerField(min_value=1, max_value=64, required=False, default=1)


class AgentShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)
    status = serializers.ChoiceField(choices=choices(AgentStatus))
    inactive_because = serializers.ChoiceField(choices=choices(Inactivity), allow_blank=True)
    capabilities = serializers.ListField(child=serializers.CharField())
    tools_config = serializers.DictField()
    max_slots = serializers.IntegerField()
    last_seen_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was last heard of, to a quarter of a minute."
    )
    created_at = serializers.DateTimeField()


class AgentWithKey(AgentShape):
    key = serializers.CharField(help_text="Shown only now.")


class NewKey(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Shown only now; older keys of this agent end in 24 hours.")
