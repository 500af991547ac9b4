"""Rules of a policy as a person fills them in: a form for each, lists of names with commas, boxes for what is a closed set.

A name that has a comma of its own stands in quotation marks, as in CSV: "Acme, Inc.", *.example.com
"""

import csv
from collections.abc import Callable, Sequence
from typing import Any, get_args

from django import forms
from django.forms import BaseFormSet, formset_factory

from chimera.kernel.errors import Refused
from chimera.kernel.sensitive import IN_WORDS
from safety.policies import Kind, Rule, Then, parse, stored
from safety.policies.due import Widened
from safety.policies.hours import WEEKDAYS
from safety.policies.rules import ENTRIES_MAX, RULES_MAX
from safety.policies.values import NAME_MAX
from safety.topics import TOPICS

BOXES: dict[str, Sequence[tuple[str, str]]] = {
    "subjects": [(str(kind), str(kind)) for kind in Kind],
    "roles": [(role, role) for role in ("worker", "planner", "judge")],
    "risk_tiers": [("1", "1 critical"), ("2", "2 standard"), ("3", "3 low")],
    "topics": [(str(topic), words) for topic, words in TOPICS.items()],
    "patterns": [(str(pattern), words) for pattern, words in IN_WORDS.items()],
}
GLOBS = ("task_types", "tools", "payees")
BOUNDS = {"confidence": ("from", "below"), "amount_usd": ("above", "up_to"), "trust": ("from", "below")}
DUE = ("minutes", "remind_minutes", "escalate_minutes", "escalate_to")
CHARACTERS_MAX = ENTRIES_MAX * (2 * NAME_MAX + 4)  # the longest list, each of its names in quotation marks


def _boxes(name: str, label: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, choices=BOXES[name], widget=forms.CheckboxSelectMultiple
    )


def _text(label: str, hint: str = "", placeholder: str = "") -> forms.CharField:
    field = forms.TextInput(attrs={"placeholder": placeholder, "autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, help_text=hint, required=False, max_length=CHARACTERS_MAX, widget=field)


class RuleForm(forms.Form):
    """One rule. What is left empty is no condition; all that is given must hold."""

    name = forms.CharField(label="Name", max_length=200)
    then = forms.ChoiceField(label="Then", choices=[(str(t), str(t)) for t in Then], initial=str(Then.REVIEW))
    subjects = _boxes("subjects", "About")
    task_types = _text(
        "Types of task",
        "With commas; * stands for any letters; what has a comma, in quotation marks.",
        "publish.*, mail",
    )
    roles = _boxes("roles", "Role of the task")
    risk_tiers = _boxes("risk_tiers", "Risk tier")
    confidence_from = _text("Score from", placeholder="0.70")
    confidence_below = _text("Score below", placeholder="0.95")
    topics = _boxes("topics", "Touches")
    patterns = _boxes("patterns", "Has")
    tools = _text("Tools", "Once rules allow tools or ask about them, all others are denied.", "search, mail.*")
    amount_usd_above = _text("Dollars above", placeholder="100")
    amount_usd_up_to = _text("Dollars up to", placeholder="500")
    payees = _text("Payees", "What has a comma, in quotation marks.", '*.example.com, "Acme, Inc."')
    trust_from = _text("Agent's trust from", "0 to 1: how surely people approve its work.", "0.80")
    trust_below = _text("Agent's trust below", placeholder="0.50")
    time_zone = _text("Hours in the time zone", "With it, the rule holds at some hours only.", "Europe/Lisbon")
    weekdays = forms.MultipleChoiceField(
        label="On", required=False, choices=[(day, day) for day in WEEKDAYS], widget=forms.CheckboxSelectMultiple
    )
    hours_from = _text("From", placeholder="09:00")
    hours_to = _text("To", placeholder="17:00")
    outside = forms.BooleanField(label="Outside these hours", required=False)
    due_minutes = _text("Its card waits, minutes", "Then it fails closed. Empty: as any card does.", "240")
    due_remind_minutes = _text("Reminded, minutes before", placeholder="60, 15")
    due_escalate_minutes = _text("Escalated, minutes before", placeholder="30")
    due_escalate_to = forms.ChoiceField(
        label="Escalated to", required=False, choices=[("", "nobody"), *((role, role) for role in get_args(Widened))]
    )

    def said(self) -> dict[str, Any]:
        """The rule as the API would be told it."""
        fields = self.cleaned_data
        when: dict[str, Any] = {name: list(fields[name]) for name in BOXES if fields[name]}
        if "risk_tiers" in when:
            when["risk_tiers"] = [int(tier) for tier in when["risk_tiers"]]
        for name in GLOBS:
            if entries := _entries(fields[name]):
                when[name] = entries
        for name, bounds in BOUNDS.items():
            read: Callable[[str], Any] = str if name == "amount_usd" else _number
            given = {bound: read(said) for bound in bounds if (said := fields[f"{name}_{bound}"].strip())}
            if given:
                when[name] = given
        if hours := self._hours():
            when["hours"] = hours
        due = self._due()
        return {"name": fields["name"], "when": when, "then": fields["then"]} | ({"due": due} if due else {})

    def _due(self) -> dict[str, Any]:
        said = {name: self.cleaned_data[f"due_{name}"].strip() for name in DUE}
        due: dict[str, Any] = {name: _whole(text) for name, text in said.items() if text and name != "escalate_to"}
        if reminders := said["remind_minutes"]:
            due["remind_minutes"] = [_whole(each.strip()) for each in reminders.split(",") if each.strip()]
        return due | ({"escalate_to": said["escalate_to"]} if said["escalate_to"] else {})

    def _hours(self) -> dict[str, Any]:
        fields = self.cleaned_data
        given: dict[str, Any] = {
            key: fields[name].strip()
            for key, name in (("time_zone", "time_zone"), ("from", "hours_from"), ("to", "hours_to"))
            if fields[name].strip()
        }
        if fields["weekdays"]:
            given["weekdays"] = list(fields["weekdays"])
        if fields["outside"]:
            given["outside"] = True
        return given


def _entries(said: str) -> list[str]:
    rows = csv.reader(said.splitlines(), skipinitialspace=True)
    return [entry.strip() for row in rows for entry in row if entry.strip()]


def _in_a_line(entries: Sequence[str]) -> str:
    quoted = ('"' + entry.replace('"', '""') + '"' if {",", '"'} & set(entry) else entry for entry in entries)
    return ", ".join(quoted)


def _number(said: str) -> float | str:
    try:
        return float(said)
    except ValueError:
        return said  # refused at its place


def _whole(said: str) -> int | str:
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 9 else said  # refused at its place


class RulesFormSet(BaseFormSet):
    """`rules` are what the forms say; what the API would refuse is refused at its field, in the same words."""

    rules: tuple[Rule, ...] = ()

    def clean(self) -> None:
        if any(self.errors):
            return
        told = [form for form in self.forms if form.has_changed() and not self._should_delete_form(form)]  # type: ignore[attr-defined]
        told.sort(key=lambda form: (form.cleaned_data.get("ORDER") is None, form.cleaned_data.get("ORDER") or 0))
        try:
            self.rules = parse([form.said() for form in told])
        except Refused as refusal:
            for fault in refusal.errors:
                _, number, *place = [*fault["field"].split("."), ""]
                if number.isdigit():
                    told[int(number)].add_error(_field_of(place), fault["message"])
                else:
                    raise forms.ValidationError(fault["message"]) from None


def _field_of(place: Sequence[str]) -> str | None:
    """when.confidence.below → confidence_below."""
    first, second, third, *_ = [*place, "", "", ""]
    if first in ("name", "then"):
        return first
    if first == "due":
        return f"due_{second}" if second in DUE else "due_minutes"
    if second in BOUNDS:
        return f"{second}_{third or BOUNDS[second][0]}"
    if second == "hours":
        return {"from": "hours_from", "to": "hours_to"}.get(
            third, third if third in ("weekdays", "outside") else "time_zone"
        )
    return second if second in (*BOXES, *GLOBS) else None


def initial_of(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    return [_initial(said) for said in stored(rules)]


def _initial(said: dict[str, Any]) -> dict[str, Any]:
    when, shown = said["when"], {"name": said["name"], "then": said["then"]}
    shown |= {name: [str(entry) for entry in when.get(name, [])] for name in BOXES}
    shown |= {name: _in_a_line(when.get(name, [])) for name in GLOBS}
    for name, bounds in BOUNDS.items():
        shown |= {f"{name}_{bound}": when.get(name, {}).get(bound, "") for bound in bounds}
    due = said.get("due", {})
    shown |= {f"due_{name}": due.get(name, "") for name in DUE}
    shown["due_remind_minutes"] = ", ".join(str(each) for each in due.get("remind_minutes", ()))
    hours = when.get("hours", {})
    return shown | {
        "time_zone": hours.get("time_zone", ""),
        "weekdays": hours.get("weekdays", []),
        "hours_from": hours.get("from", ""),
        "hours_to": hours.get("to", ""),
        "outside": hours.get("outside", False),
    }


def forms_of(blank: int = 1) -> type[RulesFormSet]:
    """As many blank ones below those that are there."""
    found: Any = formset_factory(
        RuleForm,
        formset=RulesFormSet,
        extra=blank,
        can_order=True,
        can_delete=True,
        max_num=RULES_MAX,
        absolute_max=RULES_MAX + 10,
    )
    kind: type[RulesFormSet] = found
    return kind


class NewPolicyForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    note = forms.CharField(label="Why", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class SavedWith(forms.Form):
    """What goes with a new version."""

    note = forms.CharField(
        label="Why",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Kept with the version"}),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
