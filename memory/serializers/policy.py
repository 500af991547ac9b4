"""HTTP shapes of a tenant's policy of memory."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from pydantic import ValidationError
from rest_framework import serializers

from chimera.kernel.http.parsing import JSONField, StrictIntegerField, StrictSerializer
from chimera.kernel.sensitive import Pattern
from memory.fading import Fading
from memory.screening import Deed
from memory.serializers.memories import MemoryShape

FADING_BYTES_MAX = 1_024
FAULTS_MAX = 5  # told at once
SCREENING_BYTES_MAX = 2_048  # a line for each kind
PATTERNS = ", ".join(Pattern)
_DEED = {"type": "string", "enum": [str(deed) for deed in Deed]}


@extend_schema_field({"type": "object", "properties": {str(p): _DEED for p in Pattern}, "additionalProperties": False})
class ScreeningField(JSONField):
    """{pattern: deed}."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(bytes_max=SCREENING_BYTES_MAX, **kwargs)

    def to_internal_value(self, data: Any) -> dict[Pattern, Deed]:  # type: ignore[override]
        said = super().to_internal_value(data)
        for name, deed in said.items():
            if name not in set(Pattern):
                raise serializers.ValidationError(f"{str(name)[:60]!r} is none of {PATTERNS}.", code="invalid")
            if not isinstance(deed, str) or deed not in set(Deed):
                raise serializers.ValidationError(f"{name}: one of {', '.join(Deed)}.", code="invalid")
        return {Pattern(name): Deed(deed) for name, deed in said.items()}


class FadingField(JSONField):
    """{half_life_days?, max_age_days?, floor?, keep_importance?}, days by category."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(bytes_max=FADING_BYTES_MAX, **kwargs)

    def to_internal_value(self, data: Any) -> Fading:  # type: ignore[override]
        try:
            return Fading.model_validate(super().to_internal_value(data), strict=False)
        except ValidationError as error:
            raise serializers.ValidationError([_told(each) for each in error.errors()[:FAULTS_MAX]]) from None


def _told(fault: Any) -> Any:
    where = ".".join(str(step) for step in fault["loc"] if step != "[key]")[:80]
    return serializers.ErrorDetail(f"{where}: {fault['msg']}; see docs/memory.md.", code="invalid")


class NewMemoryPolicy(StrictSerializer):
    screening = ScreeningField(
        required=False,
        help_text=f"What becomes of {PATTERNS}; a kind that is left out is as usual. Left out itself: as it was.",
    )
    fading = FadingField(
        required=False,
        help_text="{half_life_days?: {category: days}, max_age_days?: {category: days}, floor?: 0.05, keep_importance?: 0.9}; "
        "{}: nothing fades. Left out itself: as it was.",
    )
    version = StrictIntegerField(
        min_value=0,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless this is still the version.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not {"screening", "fading"} & set(attrs):
            raise serializers.ValidationError("Say `screening`, `fading`, or both.", code="invalid")
        return attrs


class FadingShape(serializers.Serializer[Any]):
    half_life_days = serializers.DictField(
        child=serializers.FloatField(), help_text="By category; none: it does not fade."
    )
    max_age_days = serializers.DictField(
        child=serializers.FloatField(), help_text="By category; none: as old as may be."
    )
    floor = serializers.FloatField(help_text="Weaker memories go.")
    keep_importance = serializers.FloatField(help_text="What weighs as much never goes.")


class FadingPreviewBody(StrictSerializer):
    fading = FadingField()


class FadingPreviewShape(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Memories that would fade now.")
    categories = serializers.DictField(child=serializers.IntegerField())
    shown = MemoryShape(many=True, help_text="The weakest of them.")


class MemoryPolicyShape(serializers.Serializer[Any]):
    screening = serializers.DictField(
        child=serializers.ChoiceField(choices=[str(deed) for deed in Deed]),
        help_text="What becomes of each kind in what is to be remembered: refuse, mask or keep.",
    )
    fading = FadingShape(help_text="What is let go by itself; see docs/memory.md.")
    version = serializers.IntegerField(help_text="0 before the first change.")
    updated_at = serializers.DateTimeField(allow_null=True)
