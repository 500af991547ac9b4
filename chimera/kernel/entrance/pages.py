"""The entrance's pages: the second half of a login, a person's own second factor, and the link of an invitation."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from chimera.kernel.entrance import second_factor
from chimera.kernel.entrance.login import HALFWAY, CodeForm, enter, halfway, held_back
from chimera.kernel.entrance.password import NewPassword
from chimera.kernel.entrance.setting_up import PasswordAndCode
from chimera.kernel.entrance.telling import tell_of_person
from chimera.kernel.entrance.welcome import Welcome
from chimera.kernel.events import (
    PasswordChanged,
    PersonFact,
    RecoveryCodesRenewed,
    SecondFactorRemoved,
    SecondFactorSetUp,
)
from chimera.kernel.http.authentication import SECOND_FACTOR_IN_SESSION

SECRET = "chimera_second_factor_secret"  # offered in this session, and not yet confirmed
View = Callable[..., HttpResponse]
Context = Callable[[HttpRequest], dict[str, Any]]  # what every page of the site needs


class EntrancePages:
    """`context` gives what every page of the site shows; `logged_in` wraps what only a person with a session may open."""

    def __init__(self, context: Context, logged_in: Callable[[View], View]) -> None:
        self.context, self.logged_in = context, logged_in

    def urls(self) -> list[URLPattern]:
        return [
            path("login/code/", _guarded(self.code), name="login_code"),
            path("welcome/<uidb64>/<token>/", Welcome.as_view(extra_context_of=self.context), name="welcome"),
            path("password_change/", self.logged_in(_guarded(self.password)), name="password_change"),
            path("second-factor/", self.logged_in(_guarded(self.second_factor)), name="second_factor"),
            path("second-factor/codes/", self.logged_in(_guarded(self.codes)), name="recovery_codes"),
            path("second-factor/remove/", self.logged_in(_guarded(self.remove)), name="second_factor_remove"),
        ]

    # ------------------------------------------------------------------ the second half of a login

    def code(self, request: HttpRequest) -> HttpResponse:
        kept = halfway(request)
        user = kept.person() if kept else None
        if kept is None or user is None:
            request.session.pop(HALFWAY, None)
            return HttpResponseRedirect(reverse("admin:login"))
        form = CodeForm(request.POST or None, request=request, user=user)
        if not (request.method == "POST" and form.is_valid()):
            return held_back(self._page(request, "Second factor", form, submit="Log in"), form.held)
        assert form.passed is not None
        enter(request, user, kept.backend, factor=form.passed)
        if form.passed == "recovery_code":
            left = second_factor.codes_left(user)
            messages.warning(request, f"That recovery code is used up now; {left} are left. You can make new ones.")
        return HttpResponseRedirect(kept.onward)

    # ------------------------------------------------------------------ one's own

    def password(self, request: HttpRequest) -> HttpResponse:
        """Another one; every other session of theirs ends with the old one."""
        form = NewPassword(request.POST or None, request=request, user=request.user)
        if not (request.method == "POST" and form.is_valid()):
            return held_back(self._page(request, "Change your password", form, submit="Change it"), form.held)
        form.save()
        update_session_auth_hash(request, form.user)
        tell_of_person(request, PasswordChanged, form.user)
        messages.success(request, "Your password was changed.")
        return HttpResponseRedirect(reverse("admin:password_change"))

    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """What there is of it; or a new one, confirmed with its first code."""
        if second_factor.is_set_up(request.user):
            left = {"codes_left": second_factor.codes_left(request.user)}
            return self._shown(request, "console/second_factor.html", "Second factor", left)
        secret = request.session.setdefault(SECRET, second_factor.new_secret())
        form = PasswordAndCode(request.POST or None, request=request, user=request.user, secret=secret)
        if not (request.method == "POST" and form.is_valid()):
            shown: dict[str, Any] = {
                "form": form,
                "submit": "Switch it on",
                "secret": secret,
                "picture": mark_safe(second_factor.picture(request.user, secret)),
            }
            return held_back(
                self._shown(request, "console/second_factor_new.html", "Set up a second factor", shown), form.held
            )
        del request.session[SECRET]
        request.session[SECOND_FACTOR_IN_SESSION] = second_factor.mark_of(request.user)
        return self._codes_once(request, SecondFactorSetUp, form.codes)

    def codes(self, request: HttpRequest) -> HttpResponse:
        """New recovery codes, against a code of the app; those from before are void."""
        if not second_factor.is_set_up(request.user):
            return HttpResponseRedirect(reverse("admin:second_factor"))
        form = CodeForm(request.POST or None, request=request, user=request.user)
        if request.method == "POST" and form.is_valid():
            return self._codes_once(request, RecoveryCodesRenewed, second_factor.renew_codes(request.user))
        return held_back(self._page(request, "New recovery codes", form, submit="Make new codes"), form.held)

    def remove(self, request: HttpRequest) -> HttpResponse:
        """Where a tenant asks for one, the next page is the one that sets it up: this is how a new phone comes in."""
        if not second_factor.is_set_up(request.user):
            return HttpResponseRedirect(reverse("admin:second_factor"))
        form = CodeForm(request.POST or None, request=request, user=request.user)
        if not (request.method == "POST" and form.is_valid()):
            return held_back(self._page(request, "Remove the second factor", form, submit="Remove it"), form.held)
        second_factor.remove(int(request.user.pk or 0))
        request.session.pop(SECOND_FACTOR_IN_SESSION, None)
        tell_of_person(request, SecondFactorRemoved, request.user)
        messages.success(request, "Your second factor is removed.")
        return HttpResponseRedirect(reverse("admin:index"))

    # ------------------------------------------------------------------ what they look like

    def _codes_once(self, request: HttpRequest, kind: type[PersonFact], codes: list[str]) -> HttpResponse:
        tell_of_person(request, kind, request.user)
        return self._shown(request, "console/recovery_codes.html", "Your recovery codes", {"codes": codes})

    def _page(self, request: HttpRequest, title: str, form: forms.Form, *, submit: str) -> HttpResponse:
        return self._shown(request, "console/entrance.html", title, {"form": form, "submit": submit})

    def _shown(self, request: HttpRequest, template: str, title: str, shown: dict[str, Any]) -> HttpResponse:
        return TemplateResponse(request, template, {**self.context(request), "title": title, **shown})


def _guarded(view: View) -> View:
    """Never kept by a browser, with the CSRF token, and with nothing of what was typed in an error report."""
    guarded: View = never_cache(csrf_protect(sensitive_post_parameters()(view)))
    return guarded
