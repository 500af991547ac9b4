"""HTTP shapes of transactions."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    MoneyField,
    StrictSerializer,
    TextField,
)
from chimera.kernel.http.problem import Problem
from commerce.serializers.closed import values
from commerce.states import MoneyStatus, WindowKind

METADATA_BYTES_MAX = 16 * 1024  # the ledger keeps it for good


class NewTransaction(StrictSerializer):
    task = serializers.UUIDField()
    lease_token = serializers.UUIDField()
    amount_usd = MoneyField(positive=True)
    asset_symbol = TextField(max_length=16, help_text=f"One of: {', '.join(settings.ASSETS)}.")
    payee = TextField(max_length=200, required=False, allow_blank=True, default="")
    category = TextField(max_length=80, required=False, allow_blank=True, default="")
    purpose = TextField(
        max_length=200, required=False, allow_blank=True, default="", help_text="What for, in a few words for people."
    )
    metadata = JSONField(required=False, default=dict, bytes_max=METADATA_BYTES_MAX)
    correlation_key = TextField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of your choice, of no other open question: a decision that people send under it may come first.",
    )


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


class VoidByHand(StrictSerializer):
    """What people say: they hold no lease, and it is kept why."""

    reason = TextField(max_length=500)


class TransactionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    task = serializers.UUIDField(source="task_id")
    session = serializers.UUIDField(source="session_id")
    agent = serializers.UUIDField(source="agent_id")
    status = serializers.ChoiceField(choices=values(MoneyStatus))
    amount_usd = MoneyField()
    captured_usd = MoneyField(allow_null=True)
    metered_usd = MoneyField(
        allow_null=True,
        help_text="Of a metered hold: what its lease has cost so far. What lies above `captured_usd` was counted nowhere.",
    )
    asset_symbol = serializers.CharField()
    payee = serializers.CharField()
    category = serializers.CharField()
    purpose = serializers.CharField()
    metadata = serializers.DictField()
    expires_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When its keeper ends: the lease, the card or the wait for the next claim. Null while its action is executed.",
    )
    review = serializers.UUIDField(allow_null=True)
    action = serializers.UUIDField(allow_null=True, help_text="The action that it is for; its outcome settles it.")
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
    window = serializers.ChoiceField(choices=values(WindowKind), allow_null=True)
    budget = serializers.UUIDField(allow_null=True)
    rule = serializers.CharField(allow_null=True, help_text="The place in the budget's rules of the one that refused.")
    rules_version = serializers.IntegerField(allow_null=True)
    policy = serializers.UUIDField(
        allow_null=True, help_text="Where a policy refused: `rule` and `rules_version` are its own."
    )
    transaction = TransactionShape()
