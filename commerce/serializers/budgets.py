"""HTTP shapes of budgets, their increases and their usage."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import (
    MomentField,
    MoneyField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from commerce.serializers.closed import values
from commerce.states import Currency, IncreaseStatus, Scope, WindowKind


class _Limits(StrictSerializer):
    """Null is no such limit."""

    per_transaction_usd = MoneyField(required=False, allow_null=True)
    day_usd = MoneyField(required=False, allow_null=True)
    month_usd = MoneyField(required=False, allow_null=True)
    total_usd = MoneyField(required=False, allow_null=True)
    approval_threshold_usd = MoneyField(required=False, allow_null=True)


class NewBudget(_Limits):
    scope = serializers.ChoiceField(choices=values(Scope))
    scope_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Of the campaign, session, agent or task; none for the tenant.",
    )
    currency = serializers.ChoiceField(choices=values(Currency), required=False, default=Currency.USD.value)
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
    scope = serializers.ChoiceField(choices=values(Scope))
    scope_id = serializers.UUIDField(allow_null=True)
    currency = serializers.ChoiceField(choices=values(Currency))
    is_active = serializers.BooleanField()
    per_transaction_usd = MoneyField(allow_null=True)
    day_usd = MoneyField(allow_null=True)
    month_usd = MoneyField(allow_null=True)
    total_usd = MoneyField(allow_null=True)
    approval_threshold_usd = MoneyField(allow_null=True)
    is_carved = serializers.BooleanField(
        help_text="Made with its task, by whoever made that: it narrows what others permit, and permits nothing itself."
    )
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WindowShape(serializers.Serializer[Any]):
    window = serializers.ChoiceField(choices=values(WindowKind))
    limit_usd = MoneyField(allow_null=True)
    held_usd = MoneyField()
    captured_usd = MoneyField()
    remaining_usd = MoneyField(allow_null=True)
    resets_at = serializers.DateTimeField(allow_null=True)


class NewIncrease(StrictSerializer):
    window = serializers.ChoiceField(choices=values(WindowKind), help_text="Which of the budget's limits.")
    amount_usd = MoneyField(positive=True, help_text="On top of the limit, and of other increases.")
    expires_at = MomentField(help_text="At most 31 days ahead.")
    reason = TextField(max_length=500)


class IncreaseShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    budget = serializers.UUIDField(source="budget_id")
    window = serializers.ChoiceField(choices=values(WindowKind), source="kind")
    amount_usd = MoneyField()
    reason = serializers.CharField()
    status = serializers.ChoiceField(choices=values(IncreaseStatus))
    granted_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class ForecastShape(serializers.Serializer[Any]):
    """At the rate so far: projected = used × whole / elapsed."""

    window = serializers.ChoiceField(choices=values(WindowKind))
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
