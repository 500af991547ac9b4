"""Schedules and their runs."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import (
    MomentField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from swarm.cron import CHARACTERS_MAX
from swarm.models.schedule import Overlap
from swarm.serializers.basics import choices
from swarm.serializers.tasks import NewTaskShape
from swarm.states import RunStatus, ScheduleStatus

_CRON_HELP = (
    "Five fields: minute, hour, day of month, month, day of week; `0 9 * * 1-5`, `0 9 * * MON#2`, `0 9 LW * *`."
)
_ZONE_HELP = "IANA; the tenant's unless told. Kept: a later change of the tenant's moves nothing."


class ScheduledTask(NewTaskShape):
    """A new task without what can be said only of one: its session, relations, external id, fixed times and budget."""

    session = None
    external_id = None
    parent_task = None
    depends_on = None
    depends_on_children_of = None
    not_before = None
    deadline_at = None
    budget_usd = None
    deadline_seconds = StrictIntegerField(
        min_value=1, max_value=31_536_000, required=False, allow_null=True, default=None, help_text="From its creation."
    )


class NewScheduleShape(StrictSerializer):
    name = TextField(max_length=200)
    cron = TextField(max_length=CHARACTERS_MAX, help_text=_CRON_HELP)
    time_zone = TextField(max_length=64, required=False, allow_null=True, default=None, help_text=_ZONE_HELP)
    overlap = serializers.ChoiceField(
        choices=choices(Overlap), help_text="When the task of the run before is still open."
    )
    task = ScheduledTask()
    is_active = StrictBooleanField(required=False, default=True)
    starts_at = MomentField(required=False, allow_null=True, default=None)
    ends_at = MomentField(required=False, allow_null=True, default=None)


class ScheduleChange(StrictSerializer):
    name = TextField(max_length=200, required=False)
    cron = TextField(max_length=CHARACTERS_MAX, required=False, help_text=_CRON_HELP)
    time_zone = TextField(max_length=64, required=False)
    overlap = serializers.ChoiceField(choices=choices(Overlap), required=False)
    task = ScheduledTask(required=False, help_text="The whole of it; what is left out has its default.")
    starts_at = MomentField(required=False, allow_null=True)
    ends_at = MomentField(required=False, allow_null=True)
    state_version = StrictIntegerField(
        min_value=1,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless it is still this version.",
    )


class RunShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    fire_at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(source="status", choices=choices(RunStatus))
    reason = serializers.CharField(help_text="Why nothing was made: overlap, campaign_paused, session_paused, …")
    detail = serializers.CharField()
    task = serializers.UUIDField(source="task_id", allow_null=True)
    asked_by = serializers.CharField(help_text="Who ran it out of its turn.")
    created_at = serializers.DateTimeField()


class ScheduleShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    campaign = serializers.UUIDField(source="campaign_id")
    name = serializers.CharField()
    cron = serializers.CharField()
    time_zone = serializers.CharField()
    overlap = serializers.ChoiceField(choices=choices(Overlap))
    task = serializers.DictField()
    status = serializers.ChoiceField(choices=choices(ScheduleStatus))
    state_version = serializers.IntegerField()
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    next_run_at = serializers.DateTimeField(allow_null=True)
    session = serializers.UUIDField(source="session_id", allow_null=True)
    current_task = serializers.UUIDField(source="current_task_id", allow_null=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class ScheduleWithRuns(ScheduleShape):
    runs = RunShape(many=True)
