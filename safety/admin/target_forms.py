"""The forms of notification targets. What they accept is what the API accepts."""

from typing import Any

from django import forms

from chimera.kernel.console.verbs import VerbForm
from safety.models import NotificationTarget, Occasion, TargetKind
from safety.models.delivery import ADDRESS_LENGTH_MAX
from safety.serializers.notifications import OCCASIONS, OVERLAP_HOURS_MAX, ROLES

BOXES = forms.CheckboxSelectMultiple


class Told(VerbForm):
    """What may be changed. An empty address leaves it as it is: a webhook's is not shown again."""

    name = forms.CharField(label="Name", max_length=80)
    address = forms.CharField(
        label="Address",
        required=False,
        max_length=ADDRESS_LENGTH_MAX,
        help_text="Empty: as it is.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    occasions = forms.MultipleChoiceField(
        label="When a card", choices=[(each, Occasion(each).label) for each in OCCASIONS], widget=BOXES
    )
    roles = forms.MultipleChoiceField(
        label="Cards that ask",
        required=False,
        choices=[(role, role) for role in ROLES],
        widget=BOXES,
        help_text="None: every card.",
    )

    @classmethod
    def initial_of(cls, row: NotificationTarget) -> dict[str, Any]:
        return {"name": row.name, "occasions": row.occasions, "roles": row.roles}


class NewTarget(Told):
    field_order = ("name", "kind", "address", "occasions", "roles")
    kind = forms.ChoiceField(label="By", choices=TargetKind.choices)
    address = forms.CharField(
        label="Address",
        max_length=ADDRESS_LENGTH_MAX,
        help_text="https://… of a webhook, or an e-mail address.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class Overlap(VerbForm):
    overlap_hours = forms.IntegerField(
        label="Hours for which the earlier secret signs too",
        min_value=0,
        max_value=OVERLAP_HOURS_MAX,
        initial=24,
        help_text="0 ends it at once.",
    )
