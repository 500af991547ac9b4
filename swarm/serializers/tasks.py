"""Tasks, their results and progress."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    MomentField,
    MoneyField,
    ScoreField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from swarm.models.result import ResultStatus
from swarm.models.task import ExecutionMode
from swarm.serializers.basics import ROLES, choices
from swarm.states import TaskStatus

WAITING_FOR_SHOWN_MAX = 5  # of a task's unmet dependencies


class NewTaskShape(StrictSerializer):
    session = serializers.UUIDField()
    type = TextField(max_length=80)
    role = serializers.ChoiceField(choices=ROLES, required=False, default="worker")
    requires = serializers.ListField(child=TextField(max_length=64), required=False, default=list, max_length=20)
    description = TextField(max_length=4000, required=False, allow_blank=True, default="")
    input_payload = JSONField()
    metadata = JSONField(required=False, default=dict)
    external_id = TextField(max_length=200, required=False, allow_null=True, default=None)
    priority = StrictIntegerField(min_value=0, max_value=100, required=False, default=50)
    parent_task = serializers.UUIDField(required=False, allow_null=True, default=None)
    depends_on = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=settings.DEPENDENCIES_SHOWN_MAX
    )
    depends_on_children_of = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Waits for every child that this task has by now, however many: create them first, then their join.",
    )
    max_attempts = StrictIntegerField(min_value=1, max_value=20, required=False, default=settings.ATTEMPTS_MAX)
    timeout_seconds = StrictIntegerField(min_value=1, max_value=604_800, required=False, allow_null=True, default=None)
    not_before = MomentField(required=False, allow_null=True, default=None)
    deadline_at = MomentField(required=False, allow_null=True, default=None)
    risk_tier = StrictIntegerField(min_value=1, max_value=3, required=False, default=2)
    execution_mode = serializers.ChoiceField(choices=choices(ExecutionMode), required=False, default="auto")
    concurrency_key = TextField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text=(
            "Of the tasks with the same key one runs at a time, whatever their session, unless a concurrency limit for"
            " the key, or for every key, says more. Empty: no key."
        ),
    )
    judged = StrictBooleanField(required=False, default=False, help_text="Its result waits for a judge's score.")
    budget_usd = MoneyField(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text=(
            "What it and all tasks below it may spend at most, carved out of what the tasks above it have left. It only narrows:"
            " without a budget of finance's nothing may be spent."
        ),
    )


class NewTasks(StrictSerializer):
    tasks = serializers.ListField(child=NewTaskShape(), min_length=1, max_length=settings.BATCH_MAX)


class ResultShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    attempt = serializers.IntegerField()
    agent = serializers.UUIDField(source="agent_id")
    status = serializers.ChoiceField(choices=choices(ResultStatus))
    output_payload = serializers.DictField(allow_null=True)
    original_payload = serializers.DictField(
        allow_null=True, help_text="The agent's own output, where a reviewer edited it."
    )
    error = serializers.DictField(allow_null=True)
    confidence_score = ScoreField(allow_null=True)
    judge_score = ScoreField(allow_null=True)
    reasoning = serializers.CharField()
    evidence = serializers.ListField()
    metrics = serializers.DictField()
    artifacts = serializers.ListField(
        child=serializers.DictField(),
        help_text="[{type, content | uri}]; a list of tasks says {type, bytes} where one task says {type, content}.",
    )
    outcome = serializers.CharField()
    applied = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class ProgressShape(serializers.Serializer[Any]):
    phase = serializers.CharField()
    percentage = serializers.FloatField(allow_null=True)
    message = serializers.CharField()
    metadata = serializers.DictField()
    at = serializers.DateTimeField()


class AwaitedShape(serializers.Serializer[Any]):
    task = serializers.UUIDField()
    status = serializers.ChoiceField(choices=choices(TaskStatus))


class TaskShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    metadata = serializers.DictField()
    execution_mode = serializers.ChoiceField(choices=choices(ExecutionMode))
    session = serializers.UUIDField(source="session_id")
    agent = serializers.UUIDField(source="agent_id", allow_null=True)
    parent_task = serializers.UUIDField(source="parent_task_id", allow_null=True)
    depends_on = serializers.ListField(
        child=serializers.UUIDField(), help_text="The first thousand, where it waits for more."
    )
    depends_on_count = serializers.IntegerField(help_text="For how many tasks it waits in all.")
    waiting_for = AwaitedShape(
        many=True,
        help_text=(
            f"While pending: the first {WAITING_FOR_SHOWN_MAX} that have not completed, those that failed before all;"
            " retry or drop a failed one, or this task waits for ever."
        ),
    )
    type = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)
    requires = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(choices=choices(TaskStatus))
    priority = serializers.IntegerField()
    attempt_count = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    timeout_seconds = serializers.IntegerField(allow_null=True)
    not_before = serializers.DateTimeField(allow_null=True)
    deadline_at = serializers.DateTimeField(allow_null=True)
    concurrency_key = serializers.CharField()
    judged = serializers.BooleanField()
    budget_usd = MoneyField(allow_null=True, help_text="The total of the budget that was carved for it.")
    input_payload = serializers.DictField()
    risk_tier = serializers.IntegerField()
    state_version = serializers.IntegerField(source="version")
    blocked_reason = serializers.CharField()
    error = serializers.DictField(allow_null=True)
    progress = ProgressShape(allow_null=True)
    created_at = serializers.DateTimeField()
    queued_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    results = ResultShape(many=True)


class TasksShape(serializers.Serializer[Any]):
    tasks = TaskShape(many=True)
