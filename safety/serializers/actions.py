"""HTTP shapes of actions (/api/docs/)."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import IdField, JSONField, MoneyField, StrictSerializer, TextField
from chimera.kernel.http.problem import Problem
from safety.actions.proposals import ARGUMENTS_BYTES_MAX, DEFAULT_ASSET
from safety.serializers.reviews import ReasonShape
from safety.states import ActionStatus

DIGEST_LENGTH = 64
TOKEN_LENGTH_MAX = 100


class NewAction(StrictSerializer):
    lease_token = serializers.UUIDField()
    tool = TextField(max_length=120)
    arguments = JSONField(bytes_max=ARGUMENTS_BYTES_MAX)
    amount_usd = MoneyField(
        positive=True, required=False, allow_null=True, default=None, help_text="Left out: it costs nothing."
    )
    asset_symbol = TextField(
        max_length=16, required=False, default=DEFAULT_ASSET, help_text=f"One of: {', '.join(settings.ASSETS)}."
    )
    payee = TextField(max_length=200, required=False, allow_blank=True, default="")
    category = TextField(max_length=80, required=False, allow_blank=True, default="")
    purpose = TextField(
        max_length=200, required=False, allow_blank=True, default="", help_text="What for, in a few words for people."
    )
    correlation_key = TextField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of your choice, of no other open question: a decision that people send under it may come first.",
    )


class NewExecution(StrictSerializer):
    lease_token = serializers.UUIDField()
    digest = TextField(min_length=DIGEST_LENGTH, max_length=DIGEST_LENGTH, required=False)
    arguments = JSONField(bytes_max=ARGUMENTS_BYTES_MAX, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("digest" in attrs) == ("arguments" in attrs):
            raise serializers.ValidationError(
                {"digest": "Show either the `digest` or the `arguments`."}, code="invalid"
            )
        return attrs


class NewOutcome(StrictSerializer):
    execution_token = TextField(max_length=TOKEN_LENGTH_MAX)
    status = serializers.ChoiceField(choices=[ActionStatus.SUCCEEDED.value, ActionStatus.FAILED.value])
    output = JSONField(bytes_max=ARGUMENTS_BYTES_MAX, required=False, allow_null=True, default=None)
    cost_usd = MoneyField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Left out: of a success all that was held, of a failure nothing.",
    )


class ActionsQuery(StrictSerializer):
    task = IdField(required=False)
    session = IdField(required=False)
    status = serializers.ChoiceField(choices=[s.value for s in ActionStatus], required=False)
    search = TextField(max_length=200, required=False, help_text="The beginning of its tool, or of its payee.")
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=settings.PAGE_MAX)


class KnownShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    version = serializers.IntegerField(allow_null=True)


class PolicyAskedShape(serializers.Serializer[Any]):
    policy = serializers.UUIDField()
    version = serializers.IntegerField()


class ActionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    task = serializers.UUIDField()
    session = serializers.UUIDField()
    agent = serializers.UUIDField()
    tool = serializers.CharField()
    arguments = serializers.DictField()
    original_arguments = serializers.DictField(
        allow_null=True, help_text="What its agent said, where a reviewer approved edited ones."
    )
    amount_usd = MoneyField(allow_null=True)
    asset_symbol = serializers.CharField()
    payee = serializers.CharField()
    category = serializers.CharField()
    purpose = serializers.CharField()
    status = serializers.ChoiceField(choices=[s.value for s in ActionStatus])
    digest = serializers.CharField(
        help_text="SHA-256, in hexadecimal, over the canonical JSON (RFC 8785) of `document`."
    )
    document = serializers.DictField(help_text="All that the decision is bound to.")
    policies = PolicyAskedShape(many=True)
    evidence = KnownShape(many=True, help_text="What the task's agents had been shown of memory.")
    reasons = ReasonShape(many=True)
    transaction = serializers.UUIDField(allow_null=True)
    review = serializers.UUIDField(allow_null=True)
    replaces = serializers.UUIDField(allow_null=True, help_text="The action whose approval it did not match.")
    resume_deadline = serializers.DateTimeField(allow_null=True)
    executed_by = serializers.UUIDField(
        allow_null=True, help_text="The agent that was given the token, and says what came."
    )
    executed_at = serializers.DateTimeField(allow_null=True)
    execution_deadline = serializers.DateTimeField(allow_null=True)
    output = serializers.DictField(allow_null=True)
    cost_usd = MoneyField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class ExecutionShape(serializers.Serializer[Any]):
    action = serializers.UUIDField()
    execution_token = serializers.CharField(help_text="Shown now and never again.")
    tool = serializers.CharField()
    arguments = serializers.DictField(help_text="What is to be executed: a reviewer may have edited it.")
    execution_deadline = serializers.DateTimeField(help_text="Say by then what came of it.")


class MismatchShape(Problem):
    """409 `approval_mismatch`. The approval is dead; what was shown instead stands before a person, or was denied."""

    action = serializers.UUIDField()
    changed = serializers.ListField(child=serializers.CharField())
    anew = ActionShape()
