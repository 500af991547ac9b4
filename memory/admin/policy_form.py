"""The form of a tenant's policy of memory. What it accepts is what the API accepts."""

from typing import Any

from django import forms
from pydantic import ValidationError

from chimera.kernel.console.verbs import VerbForm
from chimera.kernel.sensitive import IN_WORDS, Pattern
from memory.actions import policies
from memory.fading import DAYS_MAX, Fading
from memory.models import Category, MemoryPolicy
from memory.screening import Deed

DEEDS = [(Deed.REFUSE, "refuse the memory"), (Deed.MASK, "mask it"), (Deed.KEEP, "keep it")]
LASTS = {
    "half_life_days": "half of its strength is gone after, in days",
    "max_age_days": "goes in any case after, in days",
}


def _field(kind: str, name: str) -> str:
    return f"{kind}_{name.replace('.', '_')}"


class PolicyForm(VerbForm):
    floor = forms.FloatField(
        label="Goes below this strength",
        min_value=0.0001,
        max_value=1,
        help_text="Its weight, halved with every half-life since it was last seen.",
    )
    keep_importance = forms.FloatField(label="Stays from this weight on", min_value=0, max_value=1)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for pattern in Pattern:
            words = IN_WORDS[pattern]
            self.fields[_field("deed", pattern)] = forms.ChoiceField(
                label=f"{words[0].upper()}{words[1:]}", choices=DEEDS
            )
        for category in Category:
            for kind, lasts in LASTS.items():
                self.fields[_field(kind, category)] = forms.FloatField(
                    label=f"{category.value.capitalize()}: {lasts}",
                    required=False,
                    min_value=1,
                    max_value=DAYS_MAX,
                    help_text="Empty: never.",
                )
        self.order_fields([*(name for name in self.fields if name.startswith("deed_")), *self._of_fading()])

    def _of_fading(self) -> list[str]:
        return [_field(kind, category) for category in Category for kind in LASTS] + ["floor", "keep_importance"]

    @classmethod
    def initial_of(cls, row: MemoryPolicy) -> dict[str, Any]:
        fading = policies.fading_of(row)
        said: dict[str, Any] = {_field("deed", pattern): deed for pattern, deed in policies.deeds(row).items()}
        for kind in LASTS:
            said |= {_field(kind, category): days for category, days in getattr(fading, kind).items()}
        return said | {"floor": fading.floor, "keep_importance": fading.keep_importance, "version": row.version}

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if self.errors:
            return said
        spans = {
            kind: {str(c): said[_field(kind, c)] for c in Category if said[_field(kind, c)] is not None}
            for kind in LASTS
        }
        try:
            fading = Fading.model_validate(spans | {"floor": said["floor"], "keep_importance": said["keep_importance"]})
        except ValidationError as error:
            raise forms.ValidationError(error.errors()[0]["msg"]) from None
        screening = {pattern: Deed(said[_field("deed", pattern)]) for pattern in Pattern}
        return said | {"fading": fading, "screening": screening}
