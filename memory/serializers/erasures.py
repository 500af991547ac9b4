"""HTTP shapes of erasures and their receipts."""

from typing import Any

from rest_framework import serializers

from chimera.kernel.http.parsing import StrictSerializer, TextField
from memory.limits import REASON_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX
from memory.models import ErasureScope
from memory.states import ErasureStatus


class NewErasure(StrictSerializer):
    scope = serializers.ChoiceField(choices=ErasureScope.values)
    whose = TextField(
        max_length=SUBJECT_CHARACTERS_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text="The id of the session or agent, the person's number, or the subject; nothing for `tenant`.",
    )
    reason = TextField(max_length=REASON_CHARACTERS_MAX, help_text="Kept with the receipt.")


class ErasureQuery(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[str(status) for status in ErasureStatus], required=False)
    scope = serializers.ChoiceField(choices=ErasureScope.values, required=False)
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100)


class ErasureShape(serializers.Serializer[Any]):
    """The receipt, as far as it has come (memory.receipts)."""

    id = serializers.UUIDField()
    scope = serializers.ChoiceField(choices=ErasureScope.values)
    whose = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    requested_by = serializers.CharField(help_text="person:number")
    requested_at = serializers.CharField()
    erased_at = serializers.CharField(allow_null=True, help_text="When PostgreSQL was found to have nothing of it.")
    confirmed_at = serializers.CharField(allow_null=True, help_text="When nothing else had.")
    status = serializers.ChoiceField(choices=[str(status) for status in ErasureStatus])
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Gone: memories, vectors, sightings, answers. Blank: copies, questions, reasons, personas.",
    )
    ids_digest = serializers.CharField(allow_null=True, help_text="SHA-256, slice by slice; see docs/memory.md.")
    pending = serializers.DictField(child=serializers.CharField(), help_text="Store → why it is not confirmed yet.")
    beyond = serializers.CharField(help_text="What it does not reach.")
    seal = serializers.CharField(allow_null=True, help_text="SHA-256 of the receipt without it.")
