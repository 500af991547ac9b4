"""A person's own tokens: for scripts and bots, which call the API in their name. Nobody sees or makes somebody else's here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString

from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb, VerbForm
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.identity import PERSON_ROLES
from swarm.actions import tokens
from swarm.models import PersonalToken

DAYS_DEFAULT = 90


class New(VerbForm):
    name = forms.CharField(label="What it is for", max_length=80, help_text="Such as “chat bot”.")
    days = forms.IntegerField(
        label="Days for which it is good", min_value=1, max_value=tokens.DAYS_MAX, initial=DAYS_DEFAULT
    )
    read_only = forms.BooleanField(label="It may only read", required=False)


def _revoke(token: PersonalToken, said: dict[str, Any], by: Actor) -> None:
    tokens.revoke(token_id=token.pk, by=by)


@admin.register(PersonalToken, site=site)
class TokenAdmin(RowsAdmin):
    nouns = "Your tokens"
    viewers = PERSON_ROLES
    verbs = (
        Verb(
            name="revoke",
            label="Revoke",
            past="revoked the token",
            roles=PERSON_ROLES,
            run=_revoke,
            offered=lambda token: token.revoked_at is None,
            tone="danger",
            hint="Whatever uses it is let in no more.",
        ),
    )
    empty_sentence = "You have no token: scripts and bots need one to call the API in your name."
    list_display = ("name", "begins_with", "allows", "ends", "standing")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(user_id=int(principal(request).id))

    def more_urls(self) -> list[Any]:
        return [path("new/", self.admin_site.admin_view(self.new_view), name="swarm_personaltoken_new")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:swarm_personaltoken_new"), "New token")]
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    @admin.display(description="Begins with")
    def begins_with(self, token: PersonalToken) -> str:
        return f"{token.prefix}…"

    @admin.display(description="Allows")
    def allows(self, token: PersonalToken) -> str:
        return "all that your roles do" if not token.scopes else ", ".join(token.scopes)

    @admin.display(description="Ends")
    def ends(self, token: PersonalToken) -> SafeString | str:
        return show.moment(token.expires_at) if token.expires_at else show.NOTHING

    @admin.display(description="")
    def standing(self, token: PersonalToken) -> SafeString:
        if token.revoked_at:
            return show.label("revoked", "plain")
        ended = token.expires_at is not None and token.expires_at <= clock.now()
        return show.label("ended", "plain") if ended else show.label("good", "good")

    def panels(self, request: HttpRequest, token: PersonalToken) -> list[Panel]:
        return [
            panels.facts(
                "Token",
                [
                    ("Begins with", self.begins_with(token)),
                    ("Allows", self.allows(token)),
                    ("Standing", self.standing(token)),
                    ("Made", show.moment(token.created_at)),
                    ("Ends", self.ends(token)),
                    ("Revoked", show.moment(token.revoked_at) if token.revoked_at else None),
                ],
            )
        ]

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, PERSON_ROLES):
            raise forbidden("Tokens are made by people with a role in the tenant.", code="role")
        form, who = New(request.POST or None, initial={"days": DAYS_DEFAULT}), principal(request)
        if request.method != "POST" or not form.is_valid():
            return self._new_page(request, form, status=422 if form.is_bound else 200)
        try:
            with tenancy.bound(who.tenant_id):
                made, secret = tokens.make(**form.cleaned_data, by=who.actor)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        message = f"{who.name} made the token {made} at {clock.now():%H:%M} UTC."
        return self.detail_page(request, made, secret=("The token", secret, message))

    def _new_page(self, request: HttpRequest, form: New, status: int) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New token"),
            "title": "New token",
            "form": form,
            "submit": "Make it",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)
