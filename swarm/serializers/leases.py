"""What an agent says with a lease: claim, beat, hand in."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import (
    IdField,
    JSONField,
    MoneyField,
    ScoreField,
    StrictBooleanField,
    StrictFloatField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
    check_json,
)
from swarm.models.result import ResultStatus
from swarm.serializers.basics import ROLES, choices
from swarm.serializers.tasks import TaskShape


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
    decision = serializers.ChoiceField(
        choices=["approved", "changes_requested"], help_text="`changes_requested`: do it anew, as the note says."
    )
    note = serializers.CharField()
    transactions = serializers.ListField(child=serializers.DictField())
    action = serializers.UUIDField(required=False, help_text="The action that was approved.")
    edited = serializers.BooleanField(
        required=False,
        help_text="With it: whether other arguments than its agent's were approved; its execution shows them.",
    )


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
    percentage = StrictFloatField(min_value=0, max_value=100, required=False, allow_null=True, default=None)
    message = TextField(max_length=4000, required=False, allow_blank=True, default="")
    metadata = JSONField(required=False, default=dict, bytes_max=16_384)


class Heartbeat(StrictSerializer):
    lease_token = IdField()
    progress = NewProgress(required=False, allow_null=True, default=None)
    cost_usd = MoneyField(
        required=False,
        allow_null=True,
        default=None,
        help_text="What this lease has cost so far, in all: a beat that is repeated counts nothing twice. Workers only.",
    )
    ahead_usd = MoneyField(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="What is to be held for what comes next, all of it, or the lease is stopped. Left out: what this beat adds.",
    )


class HeartbeatShape(serializers.Serializer[Any]):
    lease_expires_at = serializers.DateTimeField(allow_null=True)
    commands = serializers.ListField(child=serializers.ChoiceField(choices=["stop", "pause"]))
    reason = serializers.CharField(
        required=False, help_text="Why it is to stop: `budget_exceeded` or another code of a denied spend."
    )
    detail = serializers.CharField(required=False)
    review = serializers.UUIDField(required=False, help_text="The card that decides whether its task goes on.")


class ErrorShape(StrictSerializer):
    code = TextField(max_length=80)
    message = TextField(max_length=4000, allow_blank=True)
    retryable = StrictBooleanField(required=False, default=False)
    retry_after_seconds = StrictIntegerField(
        min_value=0,
        max_value=settings.RETRY_AFTER_SECONDS_MAX,
        required=False,
        allow_null=True,
        help_text="The next attempt begins no earlier, as when somebody who is asked too often says when to come again.",
    )


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
    lease_token = IdField()
    status = serializers.ChoiceField(choices=choices(ResultStatus))
    output_payload = JSONField(required=False, allow_null=True, default=None)
    confidence_score = ScoreField(required=False, allow_null=True, default=None)
    reasoning = TextField(max_length=20_000, required=False, allow_blank=True, default="")
    evidence = serializers.ListField(child=serializers.JSONField(), required=False, default=list, max_length=200)
    artifacts = serializers.ListField(child=Artifact(), required=False, default=list, max_length=100)
    metrics = JSONField(required=False, default=dict, bytes_max=16_384)
    cost_usd = MoneyField(
        required=False,
        allow_null=True,
        default=None,
        help_text="What this lease has cost in all, said for the last time: counted, and no reason to stop what is done.",
    )
    error = ErrorShape(required=False, allow_null=True, default=None)
    correlation_key = TextField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of your choice, of no other open question: a decision that people send under it may come first.",
    )

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
    task = IdField()


class ResultAnswer(serializers.Serializer[Any]):
    task = TaskShape()
    outcome = serializers.ChoiceField(choices=["completed", "blocked", "retrying", "failed", "stale"])
    review = serializers.UUIDField(allow_null=True)


class ManyResults(StrictSerializer):
    results = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=settings.BATCH_MAX)


class OutcomesShape(serializers.Serializer[Any]):
    outcomes = serializers.ListField(child=serializers.DictField())
