"""Rules as a person writes them: names one to a line, tiers as `above 100: 2 of finance, admin`."""

import re
from decimal import Decimal
from typing import Any

from django import forms

from chimera.kernel.errors import Refused
from chimera.kernel.http.parsing import money_text
from commerce.models import BudgetConfig
from commerce.rules import Rules, Tier, parse

LISTS = {
    "payees_allowed": ("payees", "allowed"),
    "payees_denied": ("payees", "denied"),
    "categories_allowed": ("categories", "allowed"),
    "categories_denied": ("categories", "denied"),
    "assets_allowed": ("assets", "allowed"),
    "assets_denied": ("assets", "denied"),
}
CHARACTERS_MAX = 50_000  # a list of two hundred long names
_TIER = re.compile(
    r"(?:above\s+)?\$?\s*(?P<above>[^\s:]+)\s*:\s*(?P<approvers>\d{1,4})\s*(?:of|×|x)\s+(?P<roles>.+)", re.IGNORECASE
)


def _names(label: str, hint: str = "") -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "placeholder": "one to a line; empty: no such list"})
    return forms.CharField(label=label, help_text=hint, required=False, max_length=CHARACTERS_MAX, widget=area)


def _figure(label: str, hint: str) -> forms.CharField:
    field = forms.TextInput(attrs={"inputmode": "decimal", "placeholder": "no limit", "autocomplete": "off"})
    return forms.CharField(label=label, help_text=hint, required=False, max_length=40, widget=field)


class RulesForm(forms.Form):
    """`cleaned_data["rules"]` are the rules; what the API would refuse is refused at its field, in the same words."""

    payees_allowed = _names("Payees allowed", "Nobody else is paid. *.example.com means every host below it.")
    payees_denied = _names("Payees denied", "Wins over what is allowed.")
    categories_allowed = _names("Categories allowed")
    categories_denied = _names("Categories denied")
    assets_allowed = _names("Assets allowed")
    assets_denied = _names("Assets denied")
    count_per_hour = _figure("Spends within an hour", "At most so many within any sixty minutes.")
    amount_usd_per_hour = _figure("Dollars within an hour", "At most so much within any sixty minutes.")
    approvals = forms.CharField(
        label="Who approves",
        required=False,
        max_length=2_000,
        help_text="One tier to a line, as “above 100: 2 of finance, reviewer”; an admin has every role.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "above 100: 2 of finance"}),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    @staticmethod
    def initial_of(budget: BudgetConfig, rules: Rules) -> dict[str, Any]:
        lists = {name: "\n".join(getattr(getattr(rules, of), which) or ()) for name, (of, which) in LISTS.items()}
        velocity = rules.velocity
        return {
            **lists,
            "count_per_hour": velocity.count_per_hour or "",
            "amount_usd_per_hour": _amount(velocity.amount_usd_per_hour),
            "approvals": "\n".join(tier_in_words(tier) for tier in rules.approvals),
            "version": budget.rules_version,
        }

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.cleaned_data
        if self.errors:
            return fields
        try:
            return fields | {"rules": parse(self._said(fields))}
        except Refused as refusal:
            for fault in refusal.errors:
                self.add_error(_field_of(fault["field"]), f"{_entry_of(fault['field'])}{fault['message']}")
        return fields

    def _said(self, fields: dict[str, Any]) -> dict[str, Any]:
        said: dict[str, Any] = {"payees": {}, "categories": {}, "assets": {}, "velocity": {}}
        for name, (of, which) in LISTS.items():
            if entries := [line.strip() for line in fields[name].splitlines() if line.strip()]:
                said[of][which] = entries
        if count := fields["count_per_hour"].strip():
            said["velocity"]["count_per_hour"] = int(count) if count.isascii() and count.isdigit() else count
        if amount := fields["amount_usd_per_hour"].strip():
            said["velocity"]["amount_usd_per_hour"] = amount
        return said | {"approvals": [_tier(line) for line in fields["approvals"].splitlines() if line.strip()]}


def tier_in_words(tier: Tier) -> str:
    return f"above {money_text(tier.above_usd)}: {tier.approvers} of {', '.join(tier.roles)}"


def _tier(line: str) -> dict[str, Any]:
    """What the line says; a line that is none becomes a tier that is refused."""
    found = _TIER.fullmatch(line.strip())
    if found is None:
        return {"above_usd": line.strip()[:60]}
    roles = [role.strip().lower() for role in re.split(r",|\bor\b", found["roles"])]
    return {"above_usd": found["above"], "approvers": int(found["approvers"]), "roles": roles}


def _field_of(place: str) -> str | None:
    """`rules.payees.allowed.0` → payees_allowed."""
    _, of, which, *_ = [*place.split("."), "", ""]
    if of == "approvals":
        return "approvals"
    return which if of == "velocity" and which else next((n for n, at in LISTS.items() if at == (of, which)), None)


def _entry_of(place: str) -> str:
    number = next((int(part) for part in place.split(".")[2:] if part.isdigit()), None)
    return "" if number is None else f"Line {number + 1}: "


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else money_text(amount)
