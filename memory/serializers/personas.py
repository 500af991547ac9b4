"""HTTP shapes of personas and of the contexts that begin with them."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import IdField, StrictIntegerField, StrictSerializer, TextField
from memory.limits import (
    CONTEXT_TOKENS_DEFAULT,
    CONTEXT_TOKENS_MAX,
    CONTEXT_TOKENS_MIN,
    QUERY_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    SOUL_BYTES_MAX,
    VERSIONS_MAX,
)
from memory.personas.honesty import Kind
from memory.personas.packing import Section

SECTIONS = [str(section) for section in Section]


class NewPersona(StrictSerializer):
    soul = TextField(
        max_length=2 * SOUL_BYTES_MAX,  # past it nobody counts what is too much
        trim_whitespace=False,
        help_text="A SOUL.md: front matter id, name, voice_traits and directives between two lines `---`, then the body.",
    )


class RetireBody(StrictSerializer):
    reason = TextField(max_length=REASON_CHARACTERS_MAX)


class VersionsAsked(serializers.Serializer[Any]):
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100)


class VersionAsked(serializers.Serializer[Any]):
    against = serializers.IntegerField(
        required=False, min_value=1, max_value=VERSIONS_MAX, help_text="Another version, to see the difference from."
    )


class ContextAsked(serializers.Serializer[Any]):
    task = serializers.UUIDField(required=False, help_text="What the context is for; its session's last hour is shown.")
    query = TextField(
        max_length=QUERY_CHARACTERS_MAX,
        required=False,
        help_text="What memories are searched for; the task's description unless told.",
    )
    budget_tokens = serializers.IntegerField(
        required=False, min_value=CONTEXT_TOKENS_MIN, max_value=CONTEXT_TOKENS_MAX, default=CONTEXT_TOKENS_DEFAULT
    )
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=VERSIONS_MAX, help_text="Of the persona; the current one unless told."
    )


class ContextBody(StrictSerializer):
    task = IdField()
    lease_token = IdField()
    query = TextField(max_length=QUERY_CHARACTERS_MAX, required=False)
    budget_tokens = StrictIntegerField(
        required=False, min_value=CONTEXT_TOKENS_MIN, max_value=CONTEXT_TOKENS_MAX, default=CONTEXT_TOKENS_DEFAULT
    )
    version = StrictIntegerField(required=False, min_value=1, max_value=VERSIONS_MAX)


class ContradictionShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[str(kind) for kind in Kind])
    where = serializers.CharField()
    line = serializers.IntegerField(help_text="Of the SOUL.md that was uploaded.")
    phrase = serializers.CharField()


class PersonaShape(serializers.Serializer[Any]):
    id = serializers.CharField(source="key", help_text="The `id` of its SOUL.md.")
    name = serializers.CharField()
    version = serializers.IntegerField(source="current", help_text="The one that contexts begin with.")
    retired_at = serializers.DateTimeField(allow_null=True)
    retired_reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PersonaVersionShape(serializers.Serializer[Any]):
    version = serializers.IntegerField(source="number")
    name = serializers.CharField()
    sha256 = serializers.CharField(
        help_text="Of its canonical form, RFC 8785 of {id, name, voice_traits, directives, body}."
    )
    contradictions = ContradictionShape(
        many=True, help_text="Phrases of its body against honesty, which outranks them."
    )
    masked = serializers.ListField(child=serializers.CharField(), help_text="Kinds of what its text is kept without.")
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class PersonaDetailShape(PersonaVersionShape):
    id = serializers.CharField()
    voice_traits = serializers.ListField(child=serializers.CharField())
    directives = serializers.ListField(child=serializers.CharField())
    body = serializers.CharField()
    soul = serializers.CharField(help_text="The whole as a SOUL.md.")
    current = serializers.BooleanField()
    retired_at = serializers.DateTimeField(allow_null=True)
    against = serializers.IntegerField(allow_null=True)
    diff = serializers.CharField(allow_null=True, help_text="Unified, from `against` to this version.")


class ShownItem(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Of a memory; of other parts what they are, such as `paragraph 2`.")
    tokens = serializers.IntegerField()


class SectionShape(serializers.Serializer[Any]):
    section = serializers.ChoiceField(choices=SECTIONS)
    text = serializers.CharField()
    tokens = serializers.IntegerField()
    items = ShownItem(many=True)


class LeftOut(serializers.Serializer[Any]):
    section = serializers.ChoiceField(choices=SECTIONS)
    id = serializers.CharField(allow_null=True)
    reason = serializers.CharField(help_text="budget, cut, older or in_last_hour.")
    tokens = serializers.IntegerField(help_text="What it would have cost besides; 0 where it was not read.")


class ContextShape(serializers.Serializer[Any]):
    persona = serializers.CharField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the persona's text.")
    task = serializers.UUIDField(allow_null=True)
    query = serializers.CharField(allow_null=True, help_text="What memories were searched for.")
    mode = serializers.CharField(allow_null=True, help_text="How they were searched.")
    text = serializers.CharField(help_text="All sections, as a model reads them.")
    budget_tokens = serializers.IntegerField()
    used_tokens = serializers.IntegerField(help_text="Of `text`; never more than the budget.")
    counting = serializers.CharField(help_text="How tokens are counted.")
    sections = SectionShape(many=True)
    left_out = LeftOut(many=True)
    contradictions = ContradictionShape(many=True)
    evidence = serializers.UUIDField(allow_null=True, help_text="Under which it is kept with the task.")
