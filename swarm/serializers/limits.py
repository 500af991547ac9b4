"""Concurrency limits."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import StrictIntegerField, StrictSerializer, TextField
from swarm.serializers.basics import choices
from swarm.states import LimitScope

RUNNING_MAX = 1_000_000


class LimitChange(StrictSerializer):
    running_max = StrictIntegerField(min_value=0, max_value=RUNNING_MAX, help_text="0 hands out nothing more.")


class NewLimit(LimitChange):
    scope = serializers.ChoiceField(choices=choices(LimitScope))
    value = TextField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text=(
            "The role or the concurrency_key; left out with scope key: every key that has no limit of its own, each of"
            " which runs one task at a time without this."
        ),
    )


class LimitShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    scope = serializers.CharField()
    value = serializers.CharField()
    running_max = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class LimitRemovedShape(LimitShape):
    falls_back_to = serializers.IntegerField(
        allow_null=True, help_text="How many may run in its place: of a key what every key has. Null: no limit is left."
    )
