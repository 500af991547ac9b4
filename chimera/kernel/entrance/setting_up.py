"""The form that switches a second factor on: the password once more, so that a session left open is not enough."""

from typing import Any

from django import forms
from django.http import HttpRequest

from chimera.kernel.entrance import second_factor
from chimera.kernel.entrance.password import AsksPassword


class PasswordAndCode(AsksPassword, forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        help_text="The six digits that the app shows now.",
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, request: HttpRequest, user: Any, secret: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user, self.secret = request, user, secret
        self.codes: list[str] = []

    def clean_password(self) -> str:
        return self.confirmed(self.cleaned_data["password"])

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            found = second_factor.set_up(self.user, self.secret, "".join(self.cleaned_data["code"].split()))
            if found is None:
                self.add_error(
                    "code", "This code is not right. Look at the app again: it shows another every thirty seconds."
                )
            else:
                self.codes = found
        return self.cleaned_data
