"""Invitations: a link with which a person sets a password. It works once, and for PASSWORD_RESET_TIMEOUT.

Whoever made it was sure whose account it is by its tenants. So it is void as soon as these are others: else one tenant's admin makes a
link, waits until another tenant takes the person in, and has that, too.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from chimera.kernel import identity
from chimera.kernel.entrance.telling import tell_of_person
from chimera.kernel.events import PasswordSet


class Tokens(PasswordResetTokenGenerator):
    """Django's, bound to what else the account opens."""

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        theirs = sorted(str(each.tenant_id) for each in identity.memberships(user.pk))
        elsewhere = bool(theirs) and identity.belongs_elsewhere(user.pk, but=UUID(theirs[0]))
        return f"{super()._make_hash_value(user, timestamp)}|{','.join(theirs)}|{elsewhere}|{user.is_superuser}"


TOKENS = Tokens()


def link(user: Any) -> str:
    """Void once the person has set a password by it, has logged in since, or belongs to other tenants than now."""
    parts = [urlsafe_base64_encode(force_bytes(user.pk)), TOKENS.make_token(user)]
    return settings.BASE_URL.rstrip("/") + reverse("admin:welcome", args=parts)


class Welcome(PasswordResetConfirmView):
    """Django's; the token leaves the address before the form is shown. It logs nobody in: that still asks for a second factor."""

    form_class = SetPasswordForm  # type: ignore[assignment]
    template_name = "console/welcome.html"
    success_url = reverse_lazy("admin:login")
    reset_url_token = "now"
    token_generator = TOKENS
    extra_context_of: Callable[[HttpRequest], dict[str, Any]] | None = None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = self.extra_context_of(self.request) if self.extra_context_of else {}
        return {**site, **super().get_context_data(**kwargs), "title": "Welcome"}

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        tell_of_person(self.request, PasswordSet, self.user)
        messages.success(self.request, "Your password is set. Log in with it.")
        return answer
