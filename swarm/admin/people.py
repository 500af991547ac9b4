"""The tenant's members and their roles. They are added by `manage.py`, and seen here by admins and auditors."""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.identity import Role
from swarm.models import Membership, PersonalToken

TOKENS_SHOWN_MAX = 50


@admin.register(Membership, site=site)
class MembershipAdmin(RowsAdmin):
    nouns = "Members"
    viewers = frozenset({Role.ADMIN, Role.AUDITOR})
    empty_sentence = "Nobody is a member."
    list_display = ("person", "roles_shown", "since")
    list_select_related: ClassVar = ("user",)
    search_fields = ("user__username__icontains",)
    search_help_text = "Name"
    ordering = ("user__username", "pk")

    @admin.display(description="Person")
    def person(self, membership: Membership) -> str:
        return membership.user.get_username()

    @admin.display(description="Roles")
    def roles_shown(self, membership: Membership) -> SafeString:
        return format_html_join(" ", "{}", ((show.label(role),) for role in membership.roles))

    @admin.display(description="Member since")
    def since(self, membership: Membership) -> SafeString | str:
        return show.moment(membership.created_at)

    def panels(self, request: HttpRequest, membership: Membership) -> list[Panel]:
        found = PersonalToken.objects.filter(user=membership.user).order_by("-pk")[:TOKENS_SHOWN_MAX]
        rows = [
            (t.name, f"{t.prefix}…", show.moment(t.created_at), show.moment(t.expires_at), show.moment(t.revoked_at))
            for t in found
        ]
        return [
            panels.table("Personal tokens", ("Name", "Begins with", "Made", "Ends", "Revoked"), rows),
            panels.facts(
                "Member",
                [
                    ("Person", self.person(membership)),
                    ("Roles", self.roles_shown(membership)),
                    ("Since", self.since(membership)),
                ],
            ),
        ]
