"""One's own password: asked for once more where a session left open is not enough, and changed. Guesses at it are counted."""

from typing import Any

from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from chimera.kernel.entrance import attempts
from chimera.kernel.entrance.attempts import TooMany, What
from chimera.kernel.http.address import address_of


class AsksPassword:
    """Of a form about the account of whoever is logged in."""

    request: HttpRequest
    user: Any
    held: TooMany | None = None

    def confirmed(self, password: str) -> str:
        """Raises ValidationError for another password than theirs, and, with `held`, when there were too many."""
        try:
            attempt, _ = attempts.begin(
                name=self.user.get_username(),
                address=address_of(self.request),
                what=What.PASSWORD,
                user_id=self.user.pk,
            )
        except TooMany as refusal:
            self.held = refusal
            raise ValidationError(str(refusal), code="too_many") from None
        if not self.user.check_password(password):
            raise ValidationError("This is not your password.", code="wrong")
        attempts.passed(attempt)
        return password


class NewPassword(AsksPassword, PasswordChangeForm):
    def __init__(self, *args: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        return self.confirmed(self.cleaned_data["old_password"])
