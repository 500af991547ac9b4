"""Logging in: the password, then the second factor of whoever has one. Only then is there a session of that person."""

from dataclasses import asdict, dataclass
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth import login as begin_session
from django.contrib.auth.forms import AuthenticationForm as DjangoAuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from unfold.forms import AuthenticationForm

from chimera.kernel import clock
from chimera.kernel.entrance import attempts, second_factor
from chimera.kernel.entrance.attempts import TooMany, What
from chimera.kernel.entrance.telling import tell_of_person, tell_of_stranger
from chimera.kernel.events import Factor, PersonLoggedIn, PersonLoginRefused
from chimera.kernel.http.address import address_of
from chimera.kernel.http.authentication import SECOND_FACTOR_IN_SESSION

HALFWAY = "chimera_halfway"
HALFWAY_SECONDS = 300  # to find one's phone
NAME_CHARACTERS_MAX = 150


class LoginForm(AuthenticationForm):
    """Whoever has a password may log in; what they then see, their membership says."""

    error_messages = DjangoAuthenticationForm.error_messages  # the admin's speak of a staff account
    held: TooMany | None = None

    def confirm_login_allowed(self, user: Any) -> None:
        DjangoAuthenticationForm.confirm_login_allowed(self, user)  # past the one that asks for is_staff

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password:
            return dict(super().clean())
        known = _account(name)
        try:
            attempt, left = attempts.begin(
                name=name, address=address_of(self.request), what=What.PASSWORD, user_id=known.pk if known else None
            )
        except TooMany as refusal:
            self.held = refusal
            raise ValidationError(str(refusal), code="too_many") from None
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            if known:
                tell_of_stranger(self.request, PersonLoginRefused, known, what="password", attempts_left=left)
            raise
        attempts.passed(attempt)
        return cleaned


class Entrance(LoginView):
    """Django's, which stops halfway for whoever has a second factor."""

    def form_valid(self, form: Any) -> HttpResponse:
        user, onward = form.get_user(), self.get_success_url()
        if not second_factor.is_set_up(user):
            enter(self.request, user, user.backend, factor="none")
            return HttpResponseRedirect(onward)
        self.request.session.cycle_key()
        self.request.session[HALFWAY] = asdict(Halfway.of(user, onward))
        return HttpResponseRedirect(reverse("admin:login_code"))

    def form_invalid(self, form: Any) -> HttpResponse:
        return held_back(super().form_invalid(form), form.held)


@dataclass(frozen=True)
class Halfway:
    """Somebody who knew the password, kept in a session that is nobody's yet."""

    user_id: int
    backend: str
    hash: str  # of the password: a change of it in between ends this
    at: int
    onward: str

    @classmethod
    def of(cls, user: Any, onward: str) -> "Halfway":
        return cls(user.pk, user.backend, user.get_session_auth_hash(), int(clock.now().timestamp()), onward)

    def person(self) -> Any:
        """Who it is, if that still holds."""
        user = get_user_model()._default_manager.filter(pk=self.user_id, is_active=True).first()
        fresh = clock.now().timestamp() - self.at < HALFWAY_SECONDS
        if user is None or not fresh or not constant_time_compare(self.hash, user.get_session_auth_hash()):
            return None
        return user


def halfway(request: HttpRequest) -> Halfway | None:
    kept = request.session.get(HALFWAY)
    return Halfway(**kept) if kept else None


def enter(request: HttpRequest, user: Any, backend: str, *, factor: Factor) -> None:
    """The session is this person's from now on, under another key."""
    begin_session(request, user, backend=backend)
    request.session.pop(HALFWAY, None)
    if factor != "none":
        request.session[SECOND_FACTOR_IN_SESSION] = second_factor.mark_of(user)
    tell_of_person(request, PersonLoggedIn, user, second_factor=factor)


class CodeForm(forms.Form):
    """A code of the app, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
    )

    def __init__(self, *args: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user
        self.passed: second_factor.Passed | None = None
        self.held: TooMany | None = None

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        name = self.user.get_username()
        try:
            attempt, left = attempts.begin(
                name=name, address=address_of(self.request), what=What.CODE, user_id=self.user.pk
            )
        except TooMany as refusal:
            self.held = refusal
            raise ValidationError(str(refusal), code="too_many") from None
        self.passed = second_factor.check(self.user, code)
        if self.passed is None:
            tell_of_stranger(self.request, PersonLoginRefused, self.user, what="code", attempts_left=left)
            raise ValidationError("This code is not right, or was used already. Wait for the next one.", code="wrong")
        attempts.passed(attempt)
        return code


def held_back(response: HttpResponse, held: TooMany | None) -> HttpResponse:
    """Say in the answer's head too that it was too much."""
    if held:
        response.status_code = 429
        response.headers["Retry-After"] = str(held.seconds)
    return response


def _account(name: str) -> Any:
    User = get_user_model()  # noqa: N806
    return User._default_manager.filter(username=name[:NAME_CHARACTERS_MAX]).first()
