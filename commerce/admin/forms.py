"""The forms of budgets. What they accept is what the API accepts: its serializers judge."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms

from chimera.kernel import clock
from chimera.kernel.console.verbs import VerbForm
from chimera.kernel.http.parsing import money_text
from commerce.models import BudgetConfig
from commerce.models.budget import LIMITS
from commerce.serializers import BudgetChange, NewBudget, NewIncrease
from commerce.states import Currency, Scope, WindowKind

_WORDS = {
    "per_transaction_usd": ("Per transaction", "In US dollars, as the others."),
    "day_usd": ("Per day", "In the tenant's time zone."),
    "month_usd": ("Per month", ""),
    "total_usd": ("In total", ""),
    "approval_threshold_usd": ("A person decides above", "Within the limits; above them it is denied."),
}


def _amount(name: str) -> forms.CharField:
    words, hint = _WORDS[name]
    empty = "nobody is asked" if name == "approval_threshold_usd" else "no limit"
    attrs = {"inputmode": "decimal", "placeholder": empty, "autocomplete": "off"}
    return forms.CharField(
        label=words, help_text=hint, required=False, max_length=40, widget=forms.TextInput(attrs=attrs)
    )


class Judged(VerbForm):
    def judge(self, serializer: type[Any], said: dict[str, Any]) -> dict[str, Any]:
        """What the API would make of it; its refusals stand at their fields."""
        judged = serializer(data=said)
        if judged.is_valid():
            return dict(judged.validated_data)
        for name, errors in judged.errors.items():
            for error in errors:
                self.add_error(name if name in self.fields else None, str(error))
        return {}


class Limits(Judged):
    per_transaction_usd = _amount("per_transaction_usd")
    day_usd = _amount("day_usd")
    month_usd = _amount("month_usd")
    total_usd = _amount("total_usd")
    approval_threshold_usd = _amount("approval_threshold_usd")
    is_active = forms.BooleanField(label="Active (an inactive budget permits nothing)", required=False, initial=True)

    def amounts(self) -> dict[str, str | None]:
        return {name: self.cleaned_data.get(name) or None for name in LIMITS}


class ChangedBudget(Limits):
    """Refused when the budget changed since the page was read."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def initial_of(cls, row: BudgetConfig) -> dict[str, Any]:
        amounts = {name: _text(getattr(row, name)) for name in LIMITS}
        return amounts | {"is_active": row.is_active, "version": row.version}

    def clean(self) -> dict[str, Any]:
        said = {
            **self.amounts(),
            "is_active": self.cleaned_data["is_active"],
            "version": self.cleaned_data.get("version"),
        }
        return {"changes": self.judge(BudgetChange, said)}


class NewBudgetForm(Limits):
    field_order = ("scope", "scope_id", "currency")
    scope = forms.ChoiceField(label="For", choices=[(s.value, s.value) for s in Scope])
    scope_id = forms.CharField(label="Its id", required=False, max_length=40, help_text="Empty for the whole tenant.")
    currency = forms.ChoiceField(choices=[(c.value, c.value) for c in Currency])

    def clean(self) -> dict[str, Any]:
        fields = self.cleaned_data
        said = {
            **self.amounts(),
            "scope": fields.get("scope"),
            "scope_id": fields.get("scope_id") or None,
            "currency": fields.get("currency"),
            "is_active": fields["is_active"],
        }
        return {"budget": self.judge(NewBudget, said)}


_LASTS = {1: "an hour", 4: "four hours", 24: "a day", 72: "three days", 168: "a week", 31 * 24: "31 days"}
_RAISED = {
    WindowKind.DAY: "Per day",
    WindowKind.MONTH: "Per month",
    WindowKind.TOTAL: "In total",
    WindowKind.TRANSACTION: "Per transaction",
}


class RaisedLimit(Judged):
    """More of one limit for a while."""

    window = forms.ChoiceField(label="Which limit", choices=[(kind.value, words) for kind, words in _RAISED.items()])
    amount_usd = forms.CharField(
        label="By",
        max_length=40,
        help_text="In US dollars, on top.",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    hours = forms.TypedChoiceField(label="For", coerce=int, choices=list(_LASTS.items()), initial=24)
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why?"}))

    def clean(self) -> dict[str, Any]:
        fields = self.cleaned_data
        if self.errors:
            return fields
        expires = clock.now() + timedelta(hours=fields["hours"])
        said = {name: fields[name] for name in ("window", "amount_usd", "reason")}
        return {"increase": self.judge(NewIncrease, said | {"expires_at": expires.isoformat()})}


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else money_text(amount)
