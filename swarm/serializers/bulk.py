"""Many tasks at once, by filter."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import (
    MomentField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from swarm.selection import TaskFilter
from swarm.serializers.basics import ROLES, Reason, choices
from swarm.states import TaskStatus


class TaskFilterShape(StrictSerializer):
    session = serializers.UUIDField(required=False)
    campaign = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=choices(TaskStatus), required=False)
    type = TextField(max_length=80, required=False)
    role = serializers.ChoiceField(choices=ROLES, required=False)
    error_code = TextField(max_length=80, required=False)
    created_after = MomentField(required=False, help_text="Inclusive.")
    created_before = MomentField(required=False)

    def chosen(self, said: dict[str, Any]) -> TaskFilter:
        status = TaskStatus(said["status"]) if "status" in said else None
        return TaskFilter(**said | {"status": status})


class BulkChange(Reason):
    filter = TaskFilterShape(help_text="At least one of its fields.")
    limit = StrictIntegerField(
        min_value=1, max_value=settings.BULK_TASKS_MAX, required=False, default=settings.BULK_TASKS_MAX
    )
    after = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="`next` of the call before: only younger tasks than this one, so that what was refused is passed over.",
    )


class NotChangedShape(serializers.Serializer[Any]):
    task = serializers.UUIDField()
    code = serializers.CharField()
    detail = serializers.CharField()


class BulkShape(serializers.Serializer[Any]):
    matched = serializers.IntegerField(help_text="Tasks that this call looked at.")
    changed = serializers.IntegerField()
    failed = NotChangedShape(many=True)
    more = serializers.BooleanField(
        help_text="Whether this call ended, by its `limit` or by time, before all that match were looked at."
    )
    next = serializers.UUIDField(
        allow_null=True,
        help_text="The youngest task that was looked at, for `after` of the next call; null unless `more`.",
    )
