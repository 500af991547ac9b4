"""HTTP shapes of reviews (/api/docs/)."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import JSONField, StrictSerializer, TextField
from safety.states import CardStatus, Decision


class NewDecision(StrictSerializer):
    decision = serializers.ChoiceField(choices=[d.value for d in Decision])
    note = TextField(max_length=4000, required=False, allow_blank=True, default="")
    edited_payload = JSONField(required=False, allow_null=True, default=None)


class ReasonShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    evidence = serializers.CharField(required=False)
    rule = serializers.CharField(required=False, help_text="With `policy` and `version`: the rule that wanted it.")
    policy = serializers.UUIDField(required=False)
    version = serializers.IntegerField(required=False, allow_null=True)


class DemandShape(serializers.Serializer[Any]):
    approvers = serializers.IntegerField()
    roles = serializers.ListField(
        child=serializers.CharField(), help_text="One of these each; an admin has every role."
    )
    given = serializers.IntegerField()


class VoteShape(serializers.Serializer[Any]):
    by = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    note = serializers.CharField()
    at = serializers.DateTimeField()
    counts = serializers.BooleanField(help_text="False where the payload was edited after it.")


class ReviewShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    status = serializers.ChoiceField(choices=[s.value for s in CardStatus])
    version = serializers.IntegerField(help_text="Another one after each approval and each change.")
    headline = serializers.CharField(help_text="What it is about, in a line.")
    reasons = ReasonShape(many=True)
    session = serializers.UUIDField()
    task = serializers.UUIDField()
    transaction = serializers.UUIDField(allow_null=True)
    action = serializers.UUIDField(allow_null=True)
    result = serializers.DictField(allow_null=True)
    memories = serializers.ListField(child=serializers.DictField())
    approvals_needed = serializers.IntegerField(help_text="How many more people at least; 0 once it is decided.")
    quorum = DemandShape(many=True, help_text="Who must approve: every one of these demands is met.")
    votes = VoteShape(many=True, help_text="The approvals so far, oldest first.")
    claimed_by = serializers.CharField(allow_null=True)
    claim_expires_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField()
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()
    edited_payload = serializers.DictField(allow_null=True)
    created_at = serializers.DateTimeField()


class ReviewClaimShape(serializers.Serializer[Any]):
    claim_expires_at = serializers.DateTimeField()
