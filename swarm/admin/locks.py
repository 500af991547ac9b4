"""Locks that agents hold: who, since when, until when; and a way to take one from an owner who is stuck."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb, Why
from swarm.actions import locks
from swarm.admin import looks
from swarm.models import ResourceLock


def _release(lock: ResourceLock, said: dict[str, Any], by: Actor) -> None:
    locks.revoke(lock_id=lock.pk, reason=said["reason"], by=by)


VERBS = (
    Verb(
        name="release",
        label="Release",
        past="released the",
        roles=looks.OPERATORS,
        run=_release,
        form=Why,
        offered=lambda lock: lock.is_held(clock.now()),
        tone="danger",
        hint="Others may take it at once. Its owner hears of it when it renews, and may work on until then.",
    ),
)


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("held", "held")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "held":
            return queryset
        return queryset.held(clock.now())  # type: ignore[attr-defined, no-any-return]


@admin.register(ResourceLock, site=site)
class ResourceLockAdmin(RowsAdmin):
    """Rows of ended locks are shown until they are swept. An address is that of one holder's lock: the next has another."""

    nouns = "Locks"
    viewers = looks.VIEWERS
    verbs = VERBS
    empty_sentence = "No agent has locked anything lately."
    quick_links: ClassVar = (("All", {}), ("Held", {"standing": "held"}))
    list_display = ("resource", "standing", "holder_name", "fencing_number", "since", "until")
    list_filter = (StandingFilter,)
    search_fields = ("resource__icontains",)
    search_help_text = "Resource or id"
    ordering = ("-pk",)

    @admin.display(description="Standing")
    def standing(self, lock: ResourceLock) -> SafeString:
        if lock.is_held(clock.now()):
            return show.label("held", "mark")
        return show.label("released", "plain") if lock.released_at else show.label("lapsed", "warn")

    @admin.display(description="Since")
    def since(self, lock: ResourceLock) -> SafeString | str:
        return show.moment(lock.acquired_at)

    @admin.display(description="Until")
    def until(self, lock: ResourceLock) -> SafeString | str:
        return show.moment(lock.released_at or lock.expires_at)

    def panels(self, request: HttpRequest, lock: ResourceLock) -> list[Panel]:
        kind, _, holder_id = lock.holder.partition(":")
        agent = holder_id if kind == "agent" else None
        return [
            panels.facts(
                "Lock",
                [
                    ("Resource", lock.resource),
                    ("Standing", self.standing(lock)),
                    ("Holder", self.link(request, "swarm.agentprofile", agent, lock.holder_name)),
                    ("Fencing number", str(lock.fencing_number)),
                    ("Since", self.since(lock)),
                    ("Ends", show.moment(lock.expires_at)),
                    ("Released", show.moment(lock.released_at) if lock.released_at else ""),
                ],
            )
        ]
