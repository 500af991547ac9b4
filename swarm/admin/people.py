"""The tenant's people: who they are, what they may do, and how they get in. Admins change it, auditors look."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from chimera.flows.show_history import tell_of
from chimera.kernel import clock, tenancy
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.site import site
from chimera.kernel.entrance import second_factor
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import Event
from chimera.kernel.identity import Role
from swarm.actions import people
from swarm.admin.people_forms import New
from swarm.admin.people_verbs import ADMINS, VERBS
from swarm.models import Membership, PersonalToken

TOKENS_SHOWN_MAX = 50
CHANGES_SHOWN_MAX = 50


@admin.register(Membership, site=site)
class MembershipAdmin(RowsAdmin):
    nouns = "Members"
    viewers = ADMINS | {Role.AUDITOR}
    verbs = VERBS
    empty_sentence = "Nobody is a member."
    list_display = ("person", "roles_shown", "standing", "since")
    list_select_related: ClassVar = ("user",)
    search_fields = ("user__username__icontains",)
    search_help_text = "Name"
    ordering = ("user__username", "pk")

    def more_urls(self) -> list[Any]:
        return [path("new/", self.admin_site.admin_view(self.new_view), name="swarm_membership_new")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:swarm_membership_new"), "New member")] if may(request, ADMINS) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    def prepare(self, request: HttpRequest, rows: list[Membership]) -> None:
        who = principal(request)
        factors = second_factor.held_by([row.user_id for row in rows])
        for row in rows:
            row.has_second_factor = row.user_id in factors  # type: ignore[attr-defined]
            row.is_me = str(row.user_id) == who.id  # type: ignore[attr-defined]

    @admin.display(description="Person")
    def person(self, membership: Membership) -> str:
        return membership.user.get_username()

    @admin.display(description="Roles")
    def roles_shown(self, membership: Membership) -> SafeString:
        return format_html_join(" ", "{}", ((show.label(role),) for role in membership.roles))

    @admin.display(description="")
    def standing(self, membership: Membership) -> SafeString:
        said = []
        if membership.disabled_at or not membership.user.is_active:
            said.append(show.label("switched off", "bad"))
        elif not membership.user.has_usable_password():
            said.append(show.label("invited", "warn", "Has not set a password yet"))
        if membership.has_second_factor:  # type: ignore[attr-defined]
            said.append(show.label("second factor", "good"))
        return SafeString(" ".join(said))

    @admin.display(description="Member since")
    def since(self, membership: Membership) -> SafeString | str:
        return show.moment(membership.created_at)

    def heading(self, row: Membership) -> str:
        return self.person(row)

    def panels(self, request: HttpRequest, membership: Membership) -> list[Panel]:
        found = PersonalToken.objects.filter(user=membership.user).order_by("-pk")[:TOKENS_SHOWN_MAX]
        rows = [
            (t.name, f"{t.prefix}…", show.moment(t.created_at), show.moment(t.expires_at), show.moment(t.revoked_at))
            for t in found
        ]
        events = Event.objects.filter(aggregate_id=membership.pk).order_by("-xid", "-seq")[:CHANGES_SHOWN_MAX]
        return [
            panels.table("Personal tokens", ("Name", "Begins with", "Made", "Ends", "Revoked"), rows),
            panels.custom("History", "console/panels/history.html", events=tell_of(list(events))),
            panels.facts(
                "Member",
                [
                    ("Person", self.person(membership)),
                    ("E-mail", membership.user.email),
                    ("Roles", self.roles_shown(membership)),
                    ("Standing", self.standing(membership)),
                    ("Since", self.since(membership)),
                    ("Last login", show.moment(membership.user.last_login)),
                    ("Sessions from", show.moment(membership.sessions_from) if membership.sessions_from else None),
                ],
            ),
        ]

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, ADMINS):
            raise forbidden("Members are added by: admin.", code="role")
        if request.method != "POST":
            return self._new_page(request, New())
        form, who = New(request.POST), principal(request)
        if not form.is_valid():
            return self._new_page(request, form, status=422)
        said = form.cleaned_data
        try:
            with tenancy.bound(who.tenant_id):
                made, link = people.add(
                    username=said["username"], email=said["email"], roles=said["roles"], by=who.actor
                )
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        added = f"{who.name} added {self.person(made)} at {clock.now():%H:%M} UTC."
        if not link:
            say_when_done(
                request,
                f"{added} They have an account already, and log in as before: be sure that it is theirs, for it was not made here.",
            )
            return HttpResponseRedirect(self.address(made))
        secret = ("Link to set a password", link, f"{added} Send it to them; it works once, for three days.")
        return self.detail_page(request, made, secret=secret)

    def _new_page(self, request: HttpRequest, form: New, status: int = 200) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New member"),
            "title": "New member",
            "form": form,
            "submit": "Add them",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)
