"""Invitations: a link with which a person sets a password. It works once, and for PASSWORD_RESET_TIMEOUT."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from chimera.kernel.entrance.telling import tell_of_person
from chimera.kernel.events import PasswordSet


def link(user: Any) -> str:
    """Void once the person has set a password by it, or has logged in since."""
    parts = [urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)]
    return settings.BASE_URL.rstrip("/") + reverse("admin:welcome", args=parts)


class Welcome(PasswordResetConfirmView):
    """Django's; the token leaves the address before the form is shown. It logs nobody in: that still asks for a second factor."""

    form_class = SetPasswordForm  # type: ignore[assignment]
    template_name = "console/welcome.html"
    success_url = reverse_lazy("admin:login")
    reset_url_token = "now"
    extra_context_of: Callable[[HttpRequest], dict[str, Any]] | None = None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = self.extra_context_of(self.request) if self.extra_context_of else {}
        return {**site, **super().get_context_data(**kwargs), "title": "Welcome"}

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        tell_of_person(self.request, PasswordSet, self.user)
        messages.success(self.request, "Your password is set. Log in with it.")
        return answer
