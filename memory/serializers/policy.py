"""HTTP shapes of a tenant's policy of memory."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chimera.kernel.http.parsing import JSONField, StrictIntegerField, StrictSerializer
from chimera.kernel.sensitive import Pattern
from memory.screening import Deed

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


class NewMemoryPolicy(StrictSerializer):
    screening = ScreeningField(help_text=f"What becomes of {PATTERNS}; what is left out is as usual.")
    version = StrictIntegerField(
        min_value=0,
        max_value=2_000_000_000,
        required=False,
        help_text="Refuse the change unless this is still the version.",
    )


class MemoryPolicyShape(serializers.Serializer[Any]):
    screening = serializers.DictField(
        child=serializers.ChoiceField(choices=[str(deed) for deed in Deed]),
        help_text="What becomes of each kind in what is to be remembered: refuse, mask or keep.",
    )
    version = serializers.IntegerField(help_text="0 before the first change.")
    updated_at = serializers.DateTimeField(allow_null=True)
