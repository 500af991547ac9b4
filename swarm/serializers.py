"""HTTP shapes of the swarm (/api/docs/). Requests are strict; responses add fields, and never rename one."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.errors import invalid
from chimera.kernel.http.parsing import (
    JSONField,
    MoneyField,
    ScoreField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
    check_json,
)
from chimera.kernel.identity import AGENT_ROLES
from swarm.models.result import ResultStatus
from swarm.models.task import ExecutionMode
from swarm.states import AgentStatus, CampaignStatus, SessionStatus, TaskStatus

ROLES = sorted(r.value for r in AGENT_ROLES)


def choices(enum: Any) -> list[str]:
    return [str(member.value) for member in enum]


class Reason(StrictSerializer):
    reason = TextField(max_length=2000, required=False, allow_blank=True, default="")


# ------------------------------------------------------------------ agents


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
    capabilities = serializers.ListField(child=serializers.CharField())
    tools_config = serializers.DictField()
    max_slots = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class AgentWithKey(AgentShape):
    key = serializers.CharField(help_text="Shown only now.")


class NewKey(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Shown only now; older keys of this agent end in 24 hours.")


# ------------------------------------------------------------------ campaigns and sessions


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


# ------------------------------------------------------------------ tasks


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
    depends_on = serializers.ListField(child=serializers.UUIDField(), required=False, default=list, max_length=1000)
    max_attempts = StrictIntegerField(min_value=1, max_value=20, required=False, default=settings.ATTEMPTS_MAX)
    timeout_seconds = StrictIntegerField(min_value=1, max_value=604_800, required=False, allow_null=True, default=None)
    not_before = serializers.DateTimeField(required=False, allow_null=True, default=None)
    deadline_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    risk_tier = StrictIntegerField(min_value=1, max_value=3, required=False, default=2)
    execution_mode = serializers.ChoiceField(choices=choices(ExecutionMode), required=False, default="auto")
    concurrency_key = TextField(max_length=200, required=False, allow_blank=True, default="")
    judged = serializers.BooleanField(required=False, default=False, help_text="Its result waits for a judge's score.")


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


class TaskShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    metadata = serializers.DictField()
    execution_mode = serializers.ChoiceField(choices=choices(ExecutionMode))
    session = serializers.UUIDField(source="session_id")
    agent = serializers.UUIDField(source="agent_id", allow_null=True)
    parent_task = serializers.UUIDField(source="parent_task_id", allow_null=True)
    depends_on = serializers.ListField(child=serializers.UUIDField())
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


# ------------------------------------------------------------------ claims, heartbeats, results


class NewClaim(StrictSerializer):
    max = StrictIntegerField(min_value=1, max_value=settings.CLAIMS_MAX, required=False, default=1)
    wait_seconds = StrictIntegerField(min_value=0, max_value=settings.CLAIM_WAIT_SECONDS_MAX, required=False, default=0)
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=ROLES), required=False, allow_empty=False, max_length=3
    )
    types = serializers.ListField(
        child=TextField(max_length=80), required=False, max_length=50, help_text="Only tasks of these types."
    )


class ResumeShape(serializers.Serializer[Any]):
    review = serializers.UUIDField()
    note = serializers.CharField()
    transactions = serializers.ListField(child=serializers.DictField())


class ClaimShape(serializers.Serializer[Any]):
    task = TaskShape()
    lease_token = serializers.UUIDField()
    lease_expires_at = serializers.DateTimeField()
    attempt = serializers.IntegerField()
    resume = ResumeShape(required=False)


class ClaimsShape(serializers.Serializer[Any]):
    claims = ClaimShape(many=True)


class NewProgress(StrictSerializer):
    phase = TextField(max_length=100)
    percentage = serializers.FloatField(min_value=0, max_value=100, required=False, allow_null=True, default=None)
    message = TextField(max_length=4000, required=False, allow_blank=True, default="")
    metadata = JSONField(required=False, default=dict, bytes_max=16_384)


class Heartbeat(StrictSerializer):
    lease_token = serializers.UUIDField()
    progress = NewProgress(required=False, allow_null=True, default=None)
    cost_usd = MoneyField(
        required=False, allow_null=True, default=None, help_text="Nothing, or zero: see `not_metered`."
    )

    def validate_cost_usd(self, value: Decimal | None) -> Decimal | None:
        """A heartbeat counts no money; what is not counted is refused, not dropped."""
        if value:
            raise invalid(
                "A heartbeat counts no costs; spend through POST /transactions.",
                field_name="cost_usd",
                code="not_metered",
            )
        return value


class HeartbeatShape(serializers.Serializer[Any]):
    lease_expires_at = serializers.DateTimeField()
    commands = serializers.ListField(child=serializers.ChoiceField(choices=["stop", "pause"]))


class ErrorShape(StrictSerializer):
    code = TextField(max_length=80)
    message = TextField(max_length=4000, allow_blank=True)
    retryable = serializers.BooleanField(required=False, default=False)


class Artifact(StrictSerializer):
    type = TextField(max_length=50)
    content = serializers.JSONField(required=False)
    uri = TextField(max_length=2000, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs.get("content") is None) == ("uri" not in attrs):
            raise serializers.ValidationError("An artifact has either `content` or `uri`.")
        if attrs.get("content") is not None:
            check_json(attrs["content"], bytes_max=settings.PAYLOAD_BYTES_MAX)
        return attrs


class ResultFields(StrictSerializer):
    lease_token = serializers.UUIDField()
    status = serializers.ChoiceField(choices=choices(ResultStatus))
    output_payload = JSONField(required=False, allow_null=True, default=None)
    confidence_score = ScoreField(required=False, allow_null=True, default=None)
    reasoning = TextField(max_length=20_000, required=False, allow_blank=True, default="")
    evidence = serializers.ListField(child=serializers.JSONField(), required=False, default=list, max_length=200)
    artifacts = serializers.ListField(child=Artifact(), required=False, default=list, max_length=100)
    metrics = JSONField(required=False, default=dict, bytes_max=16_384)
    error = ErrorShape(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_json(attrs["evidence"], bytes_max=settings.PAYLOAD_BYTES_MAX)
        if attrs["status"] == ResultStatus.FAILED:
            if attrs["output_payload"] is not None:
                raise serializers.ValidationError({"output_payload": "A failed result has an `error`, no output."})
            if attrs["error"] is None:
                raise serializers.ValidationError({"error": "A failed result says why: {code, message, retryable}."})
        elif attrs["error"] is not None:
            raise serializers.ValidationError({"error": "A succeeded result has no error."})
        elif attrs["output_payload"] is None:
            attrs["output_payload"] = {}
        return attrs


class OneResult(ResultFields):
    task = serializers.UUIDField()


class ResultAnswer(serializers.Serializer[Any]):
    task = TaskShape()
    outcome = serializers.ChoiceField(choices=["completed", "blocked", "retrying", "failed", "stale"])
    review = serializers.UUIDField(allow_null=True)


class ManyResults(StrictSerializer):
    results = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=settings.BATCH_MAX)


class OutcomesShape(serializers.Serializer[Any]):
    outcomes = serializers.ListField(child=serializers.DictField())
