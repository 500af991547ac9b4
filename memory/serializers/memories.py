"""HTTP shapes of memories and of searching them."""

from typing import Any

from pydantic import ValidationError
from rest_framework import serializers

from chimera.kernel.http.parsing import (
    JSONField,
    MomentField,
    ScoreField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)
from chimera.kernel.identity import AGENT_ROLES
from memory.actions.keeping import Came
from memory.actions.records import IMPORTANCE_DEFAULT
from memory.explaining import Note, Origin
from memory.limits import (
    BATCH_MAX,
    CONTENT_BYTES_MAX,
    PERSONA_CHARACTERS_MAX,
    QUERY_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    RESULTS_DEFAULT,
    RESULTS_MAX,
    SUBJECT_CHARACTERS_MAX,
)
from memory.models import Category, Source, Visibility
from memory.ranking import Mode

ROLES = sorted(r.value for r in AGENT_ROLES)
CATEGORIES, VISIBILITIES = Category.values, Visibility.values
SOURCE_BYTES_MAX = 4096  # a file's name and a sentence


class OneOf(serializers.ChoiceField):
    """A choice whose refusal names what could be chosen."""

    def __init__(self, choices: list[str], **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.error_messages["invalid_choice"] = f"Is none of {', '.join(choices)}."


class ContentField(TextField):
    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if len(text.encode()) > CONTENT_BYTES_MAX:
            raise serializers.ValidationError(
                f"Is larger than {CONTENT_BYTES_MAX} bytes; split it into several memories.", code="too_large"
            )
        return text


class SourceField(JSONField):
    """{file?, sentence?, span?}: `sentence` is its number or its words, `span` [start, end) in characters. `result` is ours to say."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(bytes_max=SOURCE_BYTES_MAX, **kwargs)

    def to_internal_value(self, data: Any) -> Source:  # type: ignore[override]
        said = super().to_internal_value(data)
        if "result" in said:
            raise serializers.ValidationError(
                "`result` is set by Chimera when a result becomes a memory; leave it out.", code="invalid"
            )
        try:
            return Source.model_validate(said)
        except ValidationError as error:
            where = ".".join(str(step) for step in error.errors()[0]["loc"][:1])
            raise serializers.ValidationError(
                f"{where[:60]}: {error.errors()[0]['msg']}; a source is {{file?, sentence?, span?: [start, end]}}.",
                code="invalid",
            ) from None


class MemoryFields(StrictSerializer):
    """What may be said of a memory, beside its text."""

    content = ContentField()
    category = OneOf(CATEGORIES, required=False)
    importance_score = ScoreField(required=False)
    session = serializers.UUIDField(required=False, allow_null=True)
    task = serializers.UUIDField(required=False, allow_null=True)
    persona = TextField(max_length=PERSONA_CHARACTERS_MAX, required=False, allow_null=True)
    subject = TextField(
        max_length=SUBJECT_CHARACTERS_MAX,
        required=False,
        allow_null=True,
        help_text="Whom it is about, by an id of yours; what is about one subject can be erased together.",
    )
    source = SourceField(required=False)  # type: ignore[assignment]
    visibility = OneOf(VISIBILITIES, required=False)
    valid_from = MomentField(required=False, allow_null=True)
    valid_until = MomentField(required=False, allow_null=True)


class NewMemoryBody(MemoryFields):
    category = OneOf(CATEGORIES, required=False, default=Category.EPISODIC)
    importance_score = ScoreField(required=False, default=IMPORTANCE_DEFAULT)
    visibility = OneOf(VISIBILITIES, required=False, default=Visibility.TENANT)


class MemoryBatchBody(StrictSerializer):
    memories = serializers.ListField(
        child=serializers.JSONField(allow_null=True),  # what is none is refused in its place
        min_length=1,
        max_length=BATCH_MAX,
        help_text="Each as for POST /memories.",
    )


class SupersedeBody(MemoryFields):
    """Whatever is left out is taken from the memory that is superseded."""


class ForgetBody(StrictSerializer):
    reason = TextField(max_length=REASON_CHARACTERS_MAX)


class SearchBody(StrictSerializer):
    query = TextField(max_length=QUERY_CHARACTERS_MAX)
    limit = StrictIntegerField(min_value=1, max_value=RESULTS_MAX, required=False, default=RESULTS_DEFAULT)
    mode = OneOf([m.value for m in Mode], required=False, default=Mode.HYBRID.value)
    category = OneOf(CATEGORIES, required=False, allow_null=True, default=None)
    session = serializers.UUIDField(required=False, allow_null=True, default=None)
    agent_role = OneOf(ROLES, required=False, allow_null=True, default=None)
    persona = TextField(max_length=PERSONA_CHARACTERS_MAX, required=False, allow_null=True, default=None)
    agent = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Who remembered it. People find what an agent keeps for itself when they name it.",
    )
    since = MomentField(required=False, allow_null=True, default=None, help_text="Made at or after; not in the future.")
    until = MomentField(required=False, allow_null=True, default=None, help_text="Made before.")
    as_of = MomentField(required=False, allow_null=True, default=None, help_text="Valid then; default now.")
    task = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="The running task that the search is frozen with, as its memory check; with `lease_token`.",
    )
    lease_token = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="The lease under which `task` runs."
    )


class ListQuery(serializers.Serializer[Any]):
    category = OneOf(CATEGORIES, required=False)
    session = serializers.UUIDField(required=False)
    task = serializers.UUIDField(required=False)
    agent = serializers.UUIDField(required=False)
    agent_role = OneOf(ROLES, required=False)
    persona = TextField(max_length=PERSONA_CHARACTERS_MAX, required=False)
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100)


class MemoryShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    content = serializers.CharField()
    category = serializers.ChoiceField(choices=CATEGORIES)
    importance_score = ScoreField()
    session = serializers.UUIDField(source="session_id", allow_null=True)
    task = serializers.UUIDField(source="task_id", allow_null=True)
    agent = serializers.UUIDField(source="agent_id", allow_null=True)
    agent_role = serializers.SerializerMethodField()
    persona = serializers.SerializerMethodField()
    subject = serializers.SerializerMethodField()
    source = serializers.DictField()  # type: ignore[assignment]
    visibility = serializers.ChoiceField(choices=VISIBILITIES)
    masked = serializers.ListField(child=serializers.CharField(), help_text="Kinds of what its text is kept without.")
    valid_from = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    superseded_by = serializers.UUIDField(source="superseded_by_id", allow_null=True)
    superseded_at = serializers.DateTimeField(allow_null=True)
    forgotten_at = serializers.DateTimeField(allow_null=True)
    sightings = serializers.IntegerField(help_text="How often the same words came again, from elsewhere.")
    seen_at = serializers.DateTimeField(help_text="When they last came.")
    created_at = serializers.DateTimeField()

    def get_agent_role(self, memory: Any) -> str | None:
        return memory.agent_role or None

    def get_persona(self, memory: Any) -> str | None:
        return memory.persona or None

    def get_subject(self, memory: Any) -> str | None:
        return memory.subject or None


class MemoryRefusalShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = serializers.ListField(child=serializers.DictField(), help_text="[{field, code, message}]")


class MemoryOutcomeShape(serializers.Serializer[Any]):
    came = serializers.ChoiceField(
        choices=[str(came) for came in Came],
        allow_null=True,
        help_text="added: new; seen: known, and weighs more now; known: as it was.",
    )
    memory = MemoryShape(allow_null=True)
    error = MemoryRefusalShape(allow_null=True)


class MemoryOutcomesShape(serializers.Serializer[Any]):
    outcomes = MemoryOutcomeShape(many=True, help_text="One for each, in their order.")


class PartsShape(serializers.Serializer[Any]):
    vector = serializers.FloatField(
        help_text="Cosine similarity to the query, divided by the best one found, or by 0.4 where that is less."
    )
    keyword = serializers.FloatField(
        help_text="Third power of the share of the query's words, by weight, that it contains."
    )
    recency = serializers.FloatField(help_text="1 when new, times 0.995 an hour.")
    importance = serializers.FloatField()


class FoundShape(serializers.Serializer[Any]):
    similarity = serializers.FloatField(
        allow_null=True, help_text="Cosine to the query, as it is; null without a vector to compare."
    )
    words = serializers.ListField(child=serializers.CharField(), help_text="Of the query, by their stems.")


class NoteShape(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=[str(code) for code in Note])
    memory = serializers.UUIDField(allow_null=True, help_text="The other memory; null where that is gone.")
    because = serializers.CharField(allow_null=True, help_text="Of a contradiction: `numbers` or `negation`.")
    detail = serializers.CharField()


class OriginShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[str(kind) for kind in Origin])
    detail = serializers.CharField(help_text="In words; what exactly is in the memory's `source`, `agent` and `task`.")


class HitShape(serializers.Serializer[Any]):
    memory = MemoryShape()
    score = serializers.FloatField(help_text="Weighted sum of the parts; the weights are in `weights`.")
    parts = PartsShape()
    found = FoundShape(help_text="What its parts are made of.")
    age_seconds = serializers.IntegerField(help_text="At the time that the search is about.")
    source = OriginShape()  # type: ignore[assignment]
    same = serializers.ListField(
        child=serializers.UUIDField(), help_text="Memories that say the same, rank below it, and are not listed."
    )
    notes = NoteShape(many=True, help_text="What to know before relying on it.")
    explanation = serializers.CharField(help_text="All this in a sentence.")


class ScaleShape(serializers.Serializer[Any]):
    similarity = serializers.FloatField(allow_null=True, help_text="The best cosine found.")
    words = serializers.DictField(
        child=serializers.FloatField(), help_text="What each word of the query weighs, by its stem."
    )


class AnsweredShape(serializers.Serializer[Any]):
    asked = serializers.CharField(help_text="The index that is asked first.")
    answered = serializers.CharField(help_text="The one that proposed these; PostgreSQL judged them in any case.")
    fallback = serializers.CharField(help_text="Why another one answered; '' where the first one did.")


class EmbeddingShape(serializers.Serializer[Any]):
    model = serializers.CharField(help_text="Whose vectors were compared; '' when none were.")
    covered = serializers.FloatField(
        help_text="Share of the tenant's memories with a vector of this model, rounded down; the others are found by their words alone."
    )
    fallback = serializers.CharField(
        help_text="Why the query has no vector, and words alone were searched; '' when it has."
    )


class SearchShape(serializers.Serializer[Any]):
    results = HitShape(many=True)
    mode = serializers.ChoiceField(
        choices=[m.value for m in Mode],
        help_text="As searched: `keyword` for a hybrid query while the embedder is away.",
    )
    weights = PartsShape(help_text="What each part counts in this mode.")
    scale = ScaleShape(help_text="What the parts are relative to.")
    index = AnsweredShape()
    embedding = EmbeddingShape()
    task = serializers.UUIDField(allow_null=True, help_text="The task that these results are frozen with.")
