"""HTTP shapes of reviews (/api/docs/)."""

import re
from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import JSONField, MomentField, StrictIntegerField, StrictSerializer, TextField
from safety.states import CardStatus, Decision, EarlyStatus

VERSION_MAX = 2_000_000_000


class DigestField(TextField):
    """A SHA-256 as this API writes it. Another spelling would name nothing, and be found out only when it is too late."""

    default_error_messages = {"no_digest": "Must be a SHA-256 as 64 hexadecimal digits, in lower case."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _DIGEST.fullmatch(text):
            self.fail("no_digest")
        return text


_DIGEST = re.compile("[0-9a-f]{64}", re.ASCII)


class NewDecision(StrictSerializer):
    decision = serializers.ChoiceField(choices=[d.value for d in Decision])
    note = TextField(max_length=4000, required=False, allow_blank=True, default="")
    edited_payload = JSONField(required=False, allow_null=True, default=None)
    digest = DigestField(
        required=False,
        allow_null=True,
        default=None,
        help_text="The card's `digest` that you looked at: if something else stands there by now, you approve nothing.",
    )
    version = StrictIntegerField(
        min_value=1,
        max_value=VERSION_MAX,
        required=False,
        allow_null=True,
        default=None,
        help_text="The card's `version` that you looked at: 409 `stale` where it is another by now.",
    )


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


class ChangeShape(serializers.Serializer[Any]):
    op = serializers.ChoiceField(choices=["add", "remove", "replace"])
    path = serializers.CharField(help_text="A JSON Pointer (RFC 6901).")
    value = serializers.JSONField(required=False)
    before = serializers.JSONField(required=False, help_text="What stood there.")


class FrozenMemoryShape(serializers.Serializer[Any]):
    """A memory that the agent was shown, as it was then, and what became of it since."""

    id = serializers.UUIDField()
    version = serializers.IntegerField(required=False, help_text="As it was shown.")
    content = serializers.CharField(help_text="As it was when the agent was shown it.")
    cut = serializers.BooleanField(help_text="The memory says more than that.")
    category = serializers.CharField()
    source = serializers.DictField()
    score = serializers.FloatField()
    parts = serializers.DictField(child=serializers.FloatField())
    similarity = serializers.FloatField(required=False, allow_null=True, help_text="Cosine to what was looked for.")
    contradicts = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="Of those that were shown with it."
    )
    created_at = serializers.DateTimeField(help_text="Since when it is remembered.")
    attempt = serializers.IntegerField()
    query = serializers.CharField(help_text="What was looked for.")
    checked_at = serializers.DateTimeField()
    index = serializers.CharField(allow_blank=True, help_text="Which one proposed it.")
    embedding_model = serializers.CharField(allow_blank=True)
    changed = serializers.ChoiceField(
        choices=["superseded", "forgotten", "erased", "edited"], allow_null=True, help_text="What happened to it since."
    )
    version_now = serializers.IntegerField(allow_null=True)
    superseded_at = serializers.DateTimeField(allow_null=True, help_text="Since when something else is said instead.")
    forgotten_at = serializers.DateTimeField(allow_null=True)
    now = serializers.CharField(allow_null=True, help_text="What the last memory in its place says.")
    now_id = serializers.UUIDField(allow_null=True)
    now_forgotten_at = serializers.DateTimeField(allow_null=True)


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
    memories = FrozenMemoryShape(many=True)
    approvals_needed = serializers.IntegerField(help_text="How many more people at least; 0 once it is decided.")
    quorum = DemandShape(many=True, help_text="Who must approve: every one of these demands is met.")
    votes = VoteShape(many=True, help_text="The approvals so far, oldest first.")
    claimed_by = serializers.CharField(allow_null=True)
    claim_expires_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField()
    escalated_to = serializers.CharField(
        allow_null=True, help_text="A role that may answer where reviewers were asked, since `escalated_at`."
    )
    escalated_at = serializers.DateTimeField(allow_null=True)
    correlation_key = serializers.CharField(allow_null=True, help_text="That its agent chose.")
    digest = serializers.CharField(
        allow_null=True,
        help_text="Of what an approval lets happen, as it stands, edits included: SHA-256, in hexadecimal, over the canonical JSON "
        "(RFC 8785) of an action's [tool, arguments, amount_usd, asset_symbol, payee, category], a spend's [amount_usd, "
        "asset_symbol, payee, category], a result's output, or [output, artifacts] where it has any. An action that costs nothing: null "
        "and an empty asset. null: nobody approves it but by looking at the card.",
    )
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_early_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was said, where that was before the card was there."
    )
    note = serializers.CharField()
    edited_payload = serializers.DictField(allow_null=True)
    changes = ChangeShape(many=True, allow_null=True, help_text="What the edit changes: a JSON Patch (RFC 6902).")
    created_at = serializers.DateTimeField()


class ListedReviewShape(ReviewShape):
    """With or without `result` and `memories`: as it was asked for."""

    session_name = serializers.CharField()
    result = serializers.DictField(allow_null=True, required=False)
    memories = FrozenMemoryShape(many=True, required=False)


class BriefReviewShape(ListedReviewShape):
    result = None  # type: ignore[assignment]
    memories = None  # type: ignore[assignment]


class ReviewClaimShape(serializers.Serializer[Any]):
    claim_expires_at = serializers.DateTimeField()


class NewEarlyDecision(StrictSerializer):
    correlation_key = TextField(max_length=200, help_text="Under which an agent asks, or will ask.")
    decision = serializers.ChoiceField(choices=[d.value for d in Decision])
    digest = DigestField(
        required=False,
        default="",
        help_text="What exactly you approve, as a review's `digest`. An approval needs it.",
    )
    note = TextField(max_length=4000, required=False, allow_blank=True, default="")
    expires_at = MomentField(required=False, allow_null=True, default=None, help_text="Left out: in 24 hours.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["decision"] == Decision.APPROVE and not attrs["digest"]:
            raise serializers.ValidationError(
                {"digest": "An approval says what it approves: its `digest`."}, code="digest_required"
            )
        return attrs


class EarlyDecisionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    correlation_key = serializers.CharField()
    decision = serializers.ChoiceField(choices=[d.value for d in Decision])
    digest = serializers.CharField()
    note = serializers.CharField()
    by = serializers.CharField(source="person.username")
    status = serializers.ChoiceField(
        choices=[s.value for s in EarlyStatus], help_text="One that waits is used until `expires_at`, and not after it."
    )
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    review = serializers.UUIDField(source="card_id", allow_null=True, help_text="The card that it met.")
    refusal = serializers.DictField(allow_null=True, help_text="{code, detail}: why it did not count there.")
    created_at = serializers.DateTimeField()
