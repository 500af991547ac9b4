"""HTTP shapes of statements."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import (
    MoneyField,
)
from commerce.serializers.closed import values
from commerce.statements import Grouping


class FiguresShape(serializers.Serializer[Any]):
    """asked = held + captured + released + voided + expired + denied; `opening` is from days before."""

    opening_count = serializers.IntegerField()
    opening_usd = MoneyField()
    asked_count = serializers.IntegerField()
    asked_usd = MoneyField()
    held_count = serializers.IntegerField(help_text="Open now: held or in review.")
    held_usd = MoneyField()
    captured_count = serializers.IntegerField()
    captured_usd = MoneyField()
    released_usd = MoneyField(help_text="What captures left over of their holds.")
    voided_count = serializers.IntegerField()
    voided_usd = MoneyField()
    expired_count = serializers.IntegerField()
    expired_usd = MoneyField()
    denied_count = serializers.IntegerField()
    denied_usd = MoneyField()
    overshot_count = serializers.IntegerField()
    overshot_usd = MoneyField(
        help_text="What metered leases have cost beyond what was captured; beside the sums, and in no window."
    )


class StatementLine(FiguresShape):
    """With the groupings that were asked for. A campaign of null is spending outside any."""

    day = serializers.DateField(required=False)
    tenant = serializers.UUIDField(required=False)
    tenant_name = serializers.CharField(required=False)
    campaign = serializers.UUIDField(required=False, allow_null=True)
    campaign_name = serializers.CharField(required=False)
    agent = serializers.UUIDField(required=False)
    agent_name = serializers.CharField(required=False)


class StatementShape(serializers.Serializer[Any]):
    tenant = serializers.UUIDField()
    tenant_name = serializers.CharField()
    time_zone = serializers.CharField()
    to = serializers.DateField()
    group = serializers.ListField(child=serializers.ChoiceField(choices=values(Grouping)))
    lines = StatementLine(many=True)
    total = FiguresShape()

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), **super().get_fields()}
