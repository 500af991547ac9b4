"""The form of a new schedule. What it accepts is what the API accepts: its serializer judges."""

import json
from typing import Any

from django import forms

from chimera.kernel.console import show
from chimera.kernel.console.verbs import VerbForm
from swarm.actions.campaigns import OVER
from swarm.models import Campaign
from swarm.models.schedule import Overlap
from swarm.serializers.basics import ROLES
from swarm.serializers.schedules import NewScheduleShape

CAMPAIGNS_MAX = 200  # the newest open ones; for others the API
_TASK = ("type", "role", "description", "priority", "concurrency_key")
_ISO = forms.TextInput(attrs={"placeholder": "2026-03-01T08:00:00Z", "autocomplete": "off"})


class New(VerbForm):
    campaign = forms.ChoiceField()
    name = forms.CharField(max_length=200)
    cron = forms.CharField(
        label="When",
        help_text="Minute, hour, day of month, month, day of week: 0 9 * * 1-5 is nine o'clock from Monday to Friday.",
    )
    time_zone = forms.CharField(required=False, help_text="Such as Europe/Lisbon. Empty: the tenant's.")
    overlap = forms.ChoiceField(
        label="While the task before is still open",
        choices=[(o.value, f"{o.value}: {o.label}") for o in Overlap],
    )
    starts_at = forms.CharField(label="Not before", required=False, widget=_ISO, help_text="With its offset.")
    ends_at = forms.CharField(label="Not after", required=False, widget=_ISO)
    type = forms.CharField(label="Type of each task", max_length=80)
    role = forms.ChoiceField(choices=[(role, role) for role in ROLES], initial="worker")
    description = forms.CharField(label="What is to be done", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    input_payload = forms.CharField(
        label="Input",
        initial="{}",
        help_text="A JSON object.",
        widget=forms.Textarea(attrs={"rows": 4, "class": "chm-json"}),
    )
    priority = forms.IntegerField(min_value=0, max_value=100, initial=50)
    concurrency_key = forms.CharField(
        required=False, max_length=200, help_text="Of the same key one task runs at a time, unless a limit says more."
    )

    def __init__(self, *said: Any, **more: Any) -> None:
        super().__init__(*said, **more)
        campaigns = Campaign.objects.exclude(status__in=OVER).order_by("-pk")[:CAMPAIGNS_MAX]
        self.fields["campaign"].choices = [(str(c.pk), show.short(c.name, 80)) for c in campaigns]  # type: ignore[attr-defined]

    def clean_input_payload(self) -> Any:
        try:
            return json.loads(self.cleaned_data["input_payload"])
        except (ValueError, RecursionError):
            raise forms.ValidationError('This is no JSON; write an object such as {"topic": "tides"}.') from None

    def clean(self) -> dict[str, Any]:
        """Adds `schedule`: what the API would make of it. Its refusals stand at their fields."""
        if self.errors:
            return self.cleaned_data
        fields = self.cleaned_data
        said = {name: fields[name] for name in ("name", "cron", "overlap")}
        said |= {name: fields[name] or None for name in ("time_zone", "starts_at", "ends_at")}
        task = {name: fields[name] for name in (*_TASK, "input_payload")}
        judged = NewScheduleShape(data=said | {"task": task})
        if judged.is_valid():
            return fields | {"schedule": dict(judged.validated_data)}
        refused: dict[str, Any] = dict(judged.errors)
        for name, errors in (refused | refused.pop("task", {})).items():
            for error in errors:
                self.add_error(name if name in self.fields else None, str(error))
        return fields
