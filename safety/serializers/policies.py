"""HTTP shapes of policies, their rules, and what those would have done."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chimera.kernel.http.parsing import StrictIntegerField, StrictSerializer, TextField, check_json
from safety.policies import Kind, Then
from safety.policies.rules import RULES_MAX
from safety.states import PolicyStatus

RULES_BYTES_MAX = 256 * 1024  # a hundred rules with lists
_RULES_HELP = (
    "[{name, when, then: deny | review | allow}], of which the first that denies wins, then those that want a person, then the first "
    "that allows. `when` needs one or more of: subjects [result, action, spend], task_types [glob], roles [worker, planner, judge], "
    "risk_tiers [1, 2, 3], confidence {from, below}, topics [politics, health_advice, financial_advice, legal_claims, security], "
    "patterns [pii.email, pii.phone, pii.card, pii.iban, pii.ssn, secret.key, secret.private_key, secret.token, secret.password], "
    "tools [glob], amount_usd {above, up_to}, payees [glob], trust {from, below}, "
    "hours {weekdays, from, to, time_zone, outside}; all that is given must hold, what is not known is refused."
)


@extend_schema_field({"type": "array", "items": {"type": "object"}, "maxItems": RULES_MAX})
class RulesField(serializers.JSONField):
    """A list of rules, of bounded size and depth; what they say is checked by `safety.policies.parse`."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, list):
            raise serializers.ValidationError("Must be a list of rules.", code="not_a_list")
        check_json(data, bytes_max=RULES_BYTES_MAX)
        return data


class PreviewedPolicy(StrictSerializer):
    rules = RulesField(help_text=_RULES_HELP)


class NewPolicyRules(PreviewedPolicy):
    note = TextField(
        max_length=500, required=False, allow_blank=True, default="", help_text="Why; kept with the version."
    )
    version = StrictIntegerField(
        min_value=1,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless this version of the rules still acts.",
    )


class NewPolicy(PreviewedPolicy):
    name = TextField(max_length=80)
    status = serializers.ChoiceField(
        choices=[s.value for s in PolicyStatus], required=False, default=PolicyStatus.SHADOW
    )
    note = TextField(max_length=500, required=False, allow_blank=True, default="")


class NewPolicyStatus(StrictSerializer):
    status = serializers.ChoiceField(choices=[s.value for s in PolicyStatus])
    reason = TextField(max_length=500)


class PolicyVersionShape(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    rules = serializers.ListField(child=serializers.DictField())
    note = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class PolicyShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=[s.value for s in PolicyStatus])
    rules_version = serializers.IntegerField(help_text="Of the rules that act.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PolicyDetailShape(PolicyShape):
    rules = serializers.ListField(child=serializers.DictField())
    would_have_stopped_7d = serializers.IntegerField(
        help_text="While in shadow: what passed within seven days, and would not have with it."
    )


class ReplayOutcome(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[k.value for k in Kind])
    was = serializers.ChoiceField(choices=[t.value for t in Then])
    would_be = serializers.ChoiceField(choices=[t.value for t in Then])
    count = serializers.IntegerField()


class ReplayRule(serializers.Serializer[Any]):
    rule = serializers.CharField()
    count = serializers.IntegerField()


class ReplayDifference(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[k.value for k in Kind])
    subject = serializers.UUIDField()
    task = serializers.UUIDField()
    at = serializers.DateTimeField()
    what = serializers.CharField()
    was = serializers.ChoiceField(choices=[t.value for t in Then])
    would_be = serializers.ChoiceField(choices=[t.value for t in Then])
    rule = serializers.CharField(help_text="Empty: no rule of the policy any more.")
    detail = serializers.CharField()


class PolicyReplayShape(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    looked_at = serializers.IntegerField()
    complete = serializers.BooleanField(help_text="False: there were more; the newest were looked at, from `since` on.")
    outcomes = ReplayOutcome(many=True)
    rules = ReplayRule(many=True, help_text="How often each rule of the policy would have decided.")
    differences = ReplayDifference(many=True, help_text="The first fifty that would become something else.")
