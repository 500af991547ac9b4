"""HTTP shapes of the queue: taking the next card, and decisions about several."""

from enum import StrEnum
from typing import Any

from django.conf import settings
from rest_framework import serializers

from chimera.kernel.http.parsing import IdField, StrictIntegerField, StrictSerializer, TextField
from safety.counts import COUNTED_MAX
from safety.models import CardKind
from safety.serializers.reviews import VERSION_MAX, ReviewShape
from safety.states import CardStatus, Decision

BATCH_MAX = 100  # as chimera.flows.decide_many takes at once
KINDS = [kind.value for kind in CardKind if kind is not CardKind.JUDGE]


class Queue(StrEnum):
    """The console's views: all that waits, what one is at, what nobody is at, what is due within the hour, what one has not opened; what
    waits for its judge, and what is decided."""

    WAITING = "waiting"
    MINE = "mine"
    UNCLAIMED = "unclaimed"
    DUE_SOON = "due_soon"
    UNSEEN = "unseen"
    JUDGE = "judge"
    DECIDED = "decided"


class ReviewsQuery(StrictSerializer):
    status = serializers.ChoiceField(choices=[s.value for s in CardStatus], required=False)
    kind = serializers.ChoiceField(choices=[kind.value for kind in CardKind], required=False)
    reason = TextField(max_length=60, required=False, help_text="The `code` of one of its reasons.")
    session = IdField(required=False)
    task = IdField(required=False)
    queue = serializers.ChoiceField(
        choices=[queue.value for queue in Queue],
        required=False,
        help_text="A view of the console's; as it is due, and what is `decided` newest first.",
    )
    search = TextField(max_length=200, required=False, help_text="Words of its headline, or of its session's name.")
    brief = serializers.ChoiceField(
        choices=["true", "false"],
        required=False,
        help_text="true: without `result` and `memories`, which make a long page heavy; `GET /reviews/{id}/card` has them.",
    )
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=settings.PAGE_MAX)


class CountsShape(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(help_text=f"Each at most {COUNTED_MAX + 1}, which says that there are more.")
    mine = serializers.IntegerField()
    due_soon = serializers.IntegerField()
    unseen = serializers.IntegerField()


class NextReview(StrictSerializer):
    kind = serializers.ChoiceField(choices=KINDS, required=False, help_text="Only cards of this kind.")
    session = IdField(required=False, help_text="Only cards of this session.")


class NextReviewShape(serializers.Serializer[Any]):
    review = ReviewShape(allow_null=True, help_text="null: nothing is left that you may approve and nobody is at.")


class ChosenReview(StrictSerializer):
    id = IdField()
    version = StrictIntegerField(
        min_value=1,
        max_value=VERSION_MAX,
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
