"""The forms of concurrency limits. What they accept is what the API accepts: its serializer judges."""

from typing import Any

from django import forms

from chimera.kernel.console.verbs import VerbForm
from swarm.models import ConcurrencyLimit
from swarm.serializers.limits import RUNNING_MAX, NewLimit
from swarm.states import LimitScope


class Changed(VerbForm):
    running_max = forms.IntegerField(
        label="Tasks at once", min_value=0, max_value=RUNNING_MAX, help_text="0 hands out nothing more."
    )

    @classmethod
    def initial_of(cls, row: ConcurrencyLimit) -> dict[str, Any]:
        return {"running_max": row.running_max}


class New(Changed):
    field_order = ("scope", "value", "running_max")
    scope = forms.ChoiceField(label="Of", choices=[(s.value, s.value) for s in LimitScope])
    value = forms.CharField(
        label="Which",
        required=False,
        max_length=200,
        help_text="The role, or the concurrency_key. Empty for the tenant, and for every key without a limit of its own.",
    )

    def clean(self) -> dict[str, Any]:
        judged = NewLimit(data={name: self.cleaned_data.get(name) for name in self.fields})
        if not self.errors and not judged.is_valid():
            for name, errors in judged.errors.items():
                for error in errors:
                    self.add_error(name if name in self.fields else None, str(error))
        return self.cleaned_data
