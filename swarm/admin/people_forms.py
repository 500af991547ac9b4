"""The forms about a tenant's people."""

from typing import Any

from django import forms

from chimera.kernel.console.verbs import Because, VerbForm
from chimera.kernel.identity import PERSON_ROLES, Role
from swarm.models import Membership

# In the order in which people read them: who acts, who decides, who pays, who looks, who rules.
SHOWN = (Role.OPERATOR, Role.REVIEWER, Role.FINANCE, Role.AUDITOR, Role.ADMIN)
if set(SHOWN) != PERSON_ROLES:
    raise TypeError("a role of people has no place in the form")


class RolesField(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def __init__(self) -> None:
        super().__init__(label="Roles", choices=[(role.value, role.value) for role in SHOWN])

    def clean(self, value: Any) -> set[Role]:
        return {Role(each) for each in super().clean(value)}


class Roles(Because):
    field_order = ("roles", "reason")
    roles = RolesField()

    @classmethod
    def initial_of(cls, row: Membership) -> dict[str, Any]:
        return {"roles": row.roles}


class SessionsEnd(Because):
    field_order = ("revoke_tokens", "reason")
    revoke_tokens = forms.BooleanField(
        label="Revoke the personal tokens too", required=False, help_text="Scripts that use them stop working."
    )


class New(VerbForm):
    username = forms.CharField(
        label="Name", max_length=150, help_text="With which they log in; letters, digits and @/./+/-/_."
    )
    email = forms.EmailField(label="E-mail", required=False, max_length=254)
    roles = RolesField()
