"""HTTP shapes of money (/api/docs/). Requests are strict; responses add fields, and never rename one."""

from enum import StrEnum
from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    MoneyField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from chimera.kernel.http.problem import Problem
from commerce.statements import Grouping
from commerce.states import Currency, IncreaseStatus, MoneyStatus, Scope, WindowKind

METADATA_BYTES_MAX = 16 * 1024  # the ledger keeps it for good


def _values(closed: type[StrEnum]) -> list[str]:
    return [member.value for member in closed]


class NewTransaction(StrictSerializer):
    task = serializers.UUIDField()
    lease_token = serializers.UUIDField()
    amount_usd = MoneyField(positive=True)
    asset_symbol = TextField(max_length=16, help_text=f"One of: {', '.join(settings.ASSETS)}.")
    payee = TextField(max_length=200, required=False, allow_blank=True, default="")
    category = TextField(max_length=80, required=False, allow_blank=True, default="")
    metadata = JSONField(required=False, default=dict, bytes_max=METADATA_BYTES_MAX)


class Capture(StrictSerializer):
    lease_token = serializers.UUIDField()
    amount_usd = MoneyField(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="At most the hold; left out: all of it.",
    )


class Void(StrictSerializer):
    lease_token = serializers.UUIDField()
    reason = TextField(max_length=500, required=False, allow_blank=True, default="")


class TransactionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    task = serializers.UUIDField(source="task_id")
    session = serializers.UUIDField(source="session_id")
    agent = serializers.UUIDField(source="agent_id")
    status = serializers.ChoiceField(choices=_values(MoneyStatus))
    amount_usd = MoneyField()
    captured_usd = MoneyField(allow_null=True)
    asset_symbol = serializers.CharField()
    payee = serializers.CharField()
    category = serializers.CharField()
    metadata = serializers.DictField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When its keeper ends: the lease, the card or the wait for the next claim."
    )
    review = serializers.UUIDField(allow_null=True)
    denied_code = serializers.CharField(allow_null=True)
    denied_reason = serializers.CharField(allow_null=True)
    budgets = serializers.ListField(
        child=serializers.UUIDField(), help_text="Every budget that was asked, the deciding one first."
    )
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


class DeniedShape(Problem):
    """402. `resets_at` says from when on more is possible; null: never by waiting."""

    remaining_usd = MoneyField()
    resets_at = serializers.DateTimeField(allow_null=True)
    window = serializers.ChoiceField(choices=_values(WindowKind), allow_null=True)
    budget = serializers.UUIDField(allow_null=True)
    transaction = TransactionShape()


class _Limits(StrictSerializer):
    """Null is no such limit."""

    per_transaction_usd = MoneyField(required=False, allow_null=True)
    day_usd = MoneyField(required=False, allow_null=True)
    month_usd = MoneyField(required=False, allow_null=True)
    total_usd = MoneyField(required=False, allow_null=True)
    approval_threshold_usd = MoneyField(required=False, allow_null=True)


class NewBudget(_Limits):
    scope = serializers.ChoiceField(choices=_values(Scope))
    scope_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Of the campaign, session, agent or task; none for the tenant.",
    )
    currency = serializers.ChoiceField(choices=_values(Currency), required=False, default=Currency.USD.value)
    is_active = StrictBooleanField(required=False, default=True)


class BudgetChange(_Limits):
    is_active = StrictBooleanField(required=False)
    version = StrictIntegerField(
        min_value=1,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless it is still this version.",
    )


class BudgetShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    scope = serializers.ChoiceField(choices=_values(Scope))
    scope_id = serializers.UUIDField(allow_null=True)
    currency = serializers.ChoiceField(choices=_values(Currency))
    is_active = serializers.BooleanField()
    per_transaction_usd = MoneyField(allow_null=True)
    day_usd = MoneyField(allow_null=True)
    month_usd = MoneyField(allow_null=True)
    total_usd = MoneyField(allow_null=True)
    approval_threshold_usd = MoneyField(allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WindowShape(serializers.Serializer[Any]):
    window = serializers.ChoiceField(choices=_values(WindowKind))
    limit_usd = MoneyField(allow_null=True)
    held_usd = MoneyField()
    captured_usd = MoneyField()
    remaining_usd = MoneyField(allow_null=True)
    resets_at = serializers.DateTimeField(allow_null=True)


class NewIncrease(StrictSerializer):
    window = serializers.ChoiceField(choices=_values(WindowKind), help_text="Which of the budget's limits.")
    amount_usd = MoneyField(positive=True, help_text="On top of the limit, and of other increases.")
    expires_at = serializers.DateTimeField(help_text="At most 31 days ahead.")
    reason = TextField(max_length=500)


class IncreaseShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    budget = serializers.UUIDField(source="budget_id")
    window = serializers.ChoiceField(choices=_values(WindowKind), source="kind")
    amount_usd = MoneyField()
    reason = serializers.CharField()
    status = serializers.ChoiceField(choices=_values(IncreaseStatus))
    granted_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class ForecastShape(serializers.Serializer[Any]):
    """At the rate so far: projected = used × whole / elapsed."""

    window = serializers.ChoiceField(choices=_values(WindowKind))
    used_usd = MoneyField()
    elapsed_seconds = serializers.IntegerField()
    whole_seconds = serializers.IntegerField()
    projected_usd = MoneyField()
    limit_reached_at = serializers.DateTimeField(
        allow_null=True, help_text="When this rate meets the limit; null if not before the end, or if it has."
    )


class UsageShape(serializers.Serializer[Any]):
    windows = WindowShape(many=True)
    increases = IncreaseShape(many=True, help_text="Those that act now; the limits have them in.")
    forecasts = ForecastShape(many=True, help_text="Of the day and the month, once a 24th of them is over.")


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
    group = serializers.ListField(child=serializers.ChoiceField(choices=_values(Grouping)))
    lines = StatementLine(many=True)
    total = FiguresShape()

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), **super().get_fields()}
