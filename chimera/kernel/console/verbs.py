"""Verbs: what a person may do with a row. Each calls a flow or an action of its app, and says what happened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.identity import Principal, Role

REASON_CHARACTERS_MAX = 2_000  # as over the API


class VerbForm(forms.Form):
    """What the person adds to a verb; without fields it is one click.

    `kept` stays as it was typed when the verb is refused, above what the row says by now. Not for a form that holds all of a row: sent once
    more, it would undo what somebody else has changed.
    """

    kept: ClassVar[bool] = False

    @classmethod
    def initial_of(cls, row: Any) -> dict[str, Any]:
        return {}


class Why(VerbForm):
    """An optional reason, kept with the fact."""

    reason = forms.CharField(
        required=False,
        max_length=REASON_CHARACTERS_MAX,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why? (kept in the event log)"}),
    )


class Because(VerbForm):
    """A reason without which it is not done."""

    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why? (kept in the event log)"}),
    )


def _always(row: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Verb:
    """`run(row, said, by)` calls the domain inside the page's transaction; what it raises undoes it and is shown."""

    name: str  # in the address, "request_changes"
    label: str  # on the button, "Request changes"
    past: str  # in the message: "{who} {past} {row}"
    roles: frozenset[Role]
    run: Callable[[Any, dict[str, Any], Actor], Any]
    offered: Callable[[Any], bool] = _always
    form: type[VerbForm] = VerbForm
    confirm: str = ""  # on the form's own button, when it says more than the label
    tone: str = ""  # primary | danger
    hint: str = ""
    key: str = ""  # of the keyboard, which leads to it; Enter walks it
    reveals: str = ""  # heading of a secret that `run` answers, which is shown once

    def message(self, who: Principal, row: Any) -> str:
        return f"{who.name} {self.past} {row} at {clock.now():%H:%M} UTC."


@dataclass(frozen=True, slots=True)
class Offer:
    """A verb with its form, as a page shows it."""

    verb: Verb
    form: VerbForm
    address: str

    @property
    def opened(self) -> bool:
        return self.form.is_bound
