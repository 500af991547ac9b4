"""HTTP shapes of a card with all that its page in the console shows (/api/docs/)."""

from typing import Any

from rest_framework import serializers

from chimera.flows.show_around import OWN_MAX, TAIL_MAX
from chimera.flows.show_card import ALIKE_MAX, ALIKE_SHOWN_MAX, SAID_MAX, SPENDS_SHOWN_MAX
from chimera.flows.show_lineage import ABOVE_MAX
from chimera.kernel.http.parsing import MoneyField
from safety.serializers.reviews import ChangeShape, ReviewShape
from safety.states import ActionStatus, Decision


class CardFollowsShape(serializers.Serializer[Any]):
    approve = serializers.CharField()
    request_changes = serializers.CharField()
    reject = serializers.CharField()


class CardWordsShape(serializers.Serializer[Any]):
    asked = serializers.CharField(help_text="What is to happen, in one sentence.")
    follows = CardFollowsShape(allow_null=True, help_text="What each decision makes of it; null once it is decided.")


class CardCallerShape(serializers.Serializer[Any]):
    decisions = serializers.ListField(
        child=serializers.ChoiceField(choices=[d.value for d in Decision]), help_text="Those that are open to you."
    )
    edits = serializers.BooleanField(help_text="Whether you may approve it with an `edited_payload`.")
    barred = serializers.CharField(
        allow_null=True, help_text="Why you may not approve it as it stands, though it asks your role."
    )


class CardActionShape(serializers.Serializer[Any]):
    """What is left out here stands at `GET /actions/{id}`."""

    id = serializers.UUIDField()
    tool = serializers.CharField()
    status = serializers.ChoiceField(choices=[s.value for s in ActionStatus])
    amount_usd = MoneyField(allow_null=True)
    asset_symbol = serializers.CharField()
    payee = serializers.CharField()
    category = serializers.CharField()
    purpose = serializers.CharField()
    digest = serializers.CharField(help_text="Of all that its approval is bound to.")
    original_arguments = serializers.DictField(
        allow_null=True, help_text="What its agent said, where a reviewer approved edited ones."
    )


class CardEarlierShape(serializers.Serializer[Any]):
    what = serializers.CharField()
    became = serializers.CharField(help_text="What became of that: its status or outcome.")
    why = serializers.CharField()
    changes = ChangeShape(
        many=True,
        help_text="From that to what is asked now, a JSON Patch (RFC 6902): of an action its arguments, and beside them `(amount_usd)`,"
        " `(asset_symbol)`, `(payee)`, `(category)`.",
    )


class CardTransactionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    amount_usd = MoneyField()
    asset_symbol = serializers.CharField()
    payee = serializers.CharField()
    category = serializers.CharField()
    purpose = serializers.CharField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()


class CardHeldShape(serializers.Serializer[Any]):
    held_usd = MoneyField(help_text="Held in this window for this task: counted in `held_usd` beside.")
    left_if_approved_usd = MoneyField(
        help_text="Once the card is approved: of a result, what meters and actions left over is free again."
    )
    left_if_rejected_usd = MoneyField(
        help_text="Once it is rejected, or sent back: what is metered or under way stays counted."
    )


class CardWindowShape(serializers.Serializer[Any]):
    window = serializers.CharField(help_text="`transaction`, `day`, `month` or `total`.")
    limit_usd = MoneyField()
    held_usd = MoneyField()
    captured_usd = MoneyField()
    remaining_usd = MoneyField()
    this = CardHeldShape(allow_null=True, help_text="null: nothing is held here for it, or the card is decided.")


class CardBudgetShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text="What it is for.")
    is_active = serializers.BooleanField(help_text="An inactive one lets nothing pass.")
    windows = CardWindowShape(many=True, help_text="Those that have a limit, as they are now.")


class CardMoneyShape(serializers.Serializer[Any]):
    held_usd = MoneyField(help_text="Open, of all of its task.")
    transactions = CardTransactionShape(many=True, help_text=f"Of its task, newest first, at most {SPENDS_SHOWN_MAX}.")
    transactions_count = serializers.IntegerField(help_text="How many there are in all.")
    budgets = CardBudgetShape(many=True, help_text="Every budget that these asked.")


class CardStepShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    agent = serializers.UUIDField(allow_null=True)
    agent_name = serializers.CharField(help_text="Who works at it, or did last; empty before the first.")
    made_by = serializers.CharField()


class CardTaskShape(CardStepShape):
    type = serializers.CharField()
    description = serializers.CharField()
    status = serializers.CharField()
    risk_tier = serializers.IntegerField()
    attempt_count = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    input_payload = serializers.DictField()


class CardLinkShape(CardStepShape):
    about = serializers.CharField()


class CardCampaignShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    goal = serializers.CharField()


class CardSessionShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class CardLineageShape(serializers.Serializer[Any]):
    campaign = CardCampaignShape(allow_null=True)
    session = CardSessionShape()
    tasks = CardLinkShape(
        many=True, help_text=f"From above down to its own, which is the last; at most {ABOVE_MAX} above it."
    )


class CardAttemptShape(serializers.Serializer[Any]):
    attempt = serializers.IntegerField()
    agent = serializers.UUIDField()
    agent_name = serializers.CharField()
    outcome = serializers.CharField()
    said = serializers.CharField(help_text=f"A line, at most {SAID_MAX} characters; `GET /tasks/{{id}}` has all of it.")
    at = serializers.DateTimeField()


class CardCountedShape(serializers.Serializer[Any]):
    became = serializers.CharField()
    number = serializers.IntegerField()


class CardDecidedShape(serializers.Serializer[Any]):
    review = serializers.UUIDField()
    headline = serializers.CharField()
    became = serializers.CharField()
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    note = serializers.CharField(help_text="Its first line's beginning.")


class CardAlikeShape(serializers.Serializer[Any]):
    became = CardCountedShape(many=True, help_text=f"Of the last {ALIKE_MAX} that people decided.")
    latest = CardDecidedShape(many=True, help_text=f"Newest first, at most {ALIKE_SHOWN_MAX}.")


class CardLineShape(serializers.Serializer[Any]):
    position = serializers.RegexField(r"^\d+-\d+$", help_text="Where it stands in its session's events.")
    type = serializers.CharField()
    what = serializers.CharField()
    words = serializers.CharField()
    who = serializers.CharField()
    at = serializers.DateTimeField()
    task = serializers.UUIDField(allow_null=True)


class CardTailShape(serializers.Serializer[Any]):
    after = serializers.CharField(
        allow_null=True,
        help_text="Follow `GET /sessions/{id}/events` after this position, and leave out what is here: it is the oldest of these, for"
        " what commits late may come before the newest. null: from the beginning.",
    )
    events = CardLineShape(many=True, help_text=f"What its session told last, newest first, at most {TAIL_MAX}.")


class CardShape(serializers.Serializer[Any]):
    review = ReviewShape()
    words = CardWordsShape()
    you = CardCallerShape()
    exactly = serializers.DictField(
        allow_null=True,
        help_text="What an approval lets happen: an action's arguments, a purchase, a result's output; as edited, where it was.",
    )
    action = CardActionShape(allow_null=True)
    earlier = CardEarlierShape(allow_null=True, help_text="What was asked the last time, and what is different now.")
    money = CardMoneyShape()
    task = CardTaskShape(allow_null=True, help_text="null: it went after its 90 days.")
    lineage = CardLineageShape()
    attempts = CardAttemptShape(many=True, help_text="The earlier ones, newest first.")
    alike = CardAlikeShape(help_text="How people decided about such cards.")
    history = CardLineShape(many=True, help_text=f"Of its task, oldest first, the newest {OWN_MAX}.")
    tail = CardTailShape()
