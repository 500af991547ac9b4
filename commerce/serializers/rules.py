"""HTTP shapes of a budget's rules and of their preview."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    MoneyField,
    StrictIntegerField,
    StrictSerializer,
)

RULES_BYTES_MAX = 256 * 1024  # six full lists of names


class PreviewedRules(StrictSerializer):
    rules = JSONField(
        bytes_max=RULES_BYTES_MAX,
        help_text=(
            "{payees, categories, assets: {allowed: [name] or null, denied: [name]}, "
            "velocity: {count_per_hour, amount_usd_per_hour}, approvals: [{above_usd, approvers, roles}]}; "
            "what is left out is no such rule, what is not known is refused. A payee may be *.example.com."
        ),
    )


class NewRules(PreviewedRules):
    version = StrictIntegerField(
        min_value=0,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless the rules are still this version; 0: there are none.",
    )


class RulesShape(serializers.Serializer[Any]):
    budget = serializers.UUIDField(source="budget_id")
    version = serializers.IntegerField(help_text="0: no rules yet.")
    rules = serializers.DictField()
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)


class PreviewOutcome(serializers.Serializer[Any]):
    """`was` and `would_be` are passed, review, or the code of the refusal."""

    was = serializers.CharField()
    would_be = serializers.CharField()
    count = serializers.IntegerField()
    amount_usd = MoneyField()


class PreviewDifference(serializers.Serializer[Any]):
    transaction = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    amount_usd = MoneyField()
    payee = serializers.CharField()
    category = serializers.CharField()
    asset_symbol = serializers.CharField()
    was = serializers.CharField()
    would_be = serializers.CharField()
    rule = serializers.CharField(allow_null=True)


class PreviewShape(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    looked_at = serializers.IntegerField()
    complete = serializers.BooleanField(help_text="False: there were more; the newest were looked at, from `since` on.")
    outcomes = PreviewOutcome(many=True)
    differences = PreviewDifference(many=True, help_text="The first fifty that would become something else.")
