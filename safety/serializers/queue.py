"""HTTP shapes of the queue: taking the next card, and decisions about several."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import IdField, StrictIntegerField, StrictSerializer, TextField
from safety.models import CardKind
from safety.serializers.reviews import ReviewShape
from safety.states import CardStatus, Decision

BATCH_MAX = 100  # as chimera.flows.decide_many takes at once
KINDS = [kind.value for kind in CardKind if kind is not CardKind.JUDGE]


class NextReview(StrictSerializer):
    kind = serializers.ChoiceField(choices=KINDS, required=False, help_text="Only cards of this kind.")
    session = IdField(required=False, help_text="Only cards of this session.")


class NextReviewShape(serializers.Serializer[Any]):
    review = ReviewShape(allow_null=True, help_text="null: nothing is left that you may approve and nobody is at.")


class ChosenReview(StrictSerializer):
    id = IdField()
    version = StrictIntegerField(
        min_value=1,
        max_value=2_000_000_000,
        required=False,
        help_text="As you read it; it is left alone (`stale`) when it is another by now.",
    )


class NewDecisions(StrictSerializer):
    decision = serializers.ChoiceField(choices=[d.value for d in Decision])
    note = TextField(max_length=4000, help_text="One reason for all of them.")
    reviews = serializers.ListField(child=ChosenReview(), allow_empty=False, max_length=BATCH_MAX)


class RefusalShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class DecisionOutcomeShape(serializers.Serializer[Any]):
    review = serializers.UUIDField()
    status = serializers.ChoiceField(
        choices=[s.value for s in CardStatus], required=False, help_text="What it is now; without it there is `error`."
    )
    error = RefusalShape(required=False)


class DecisionsShape(serializers.Serializer[Any]):
    outcomes = DecisionOutcomeShape(many=True)
