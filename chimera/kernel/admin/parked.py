"""Parked events: what a slow lane put aside after it kept failing, with its error, to be retried."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb
from chimera.kernel.identity import Role
from chimera.kernel.relay import retry_parked
from chimera.kernel.relay.tables import ParkedEvent, ParkedStatus

OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
TONES = {ParkedStatus.PARKED: "bad", ParkedStatus.RETRYING: "info", ParkedStatus.RESOLVED: "good"}


def _retry(parked: ParkedEvent, said: dict[str, Any], by: Actor) -> None:
    retry_parked(parked=parked, by=by)


@admin.register(ParkedEvent, site=site)
class ParkedEventAdmin(RowsAdmin):
    nouns = "Parked events"
    viewers = OPERATORS | {Role.AUDITOR}
    verbs = (
        Verb(
            name="retry",
            label="Retry",
            past="retried",
            roles=OPERATORS,
            run=_retry,
            offered=lambda p: p.status == ParkedStatus.PARKED,
            tone="primary",
            hint="Its lane runs its reactions again, soon.",
        ),
    )
    empty_sentence = "Nothing is parked. Every lane does its work."
    quick_links: ClassVar = (
        ("All", {}),
        ("Parked", {"status__exact": "parked"}),
        ("Resolved", {"status__exact": "resolved"}),
    )
    list_display = ("type", "status_shown", "lane", "attempts", "error_shown", "since")
    list_filter = ("status",)
    list_deferred = ("payload",)
    search_fields = ("type__icontains",)
    search_help_text = "Type or id"
    ordering = ("-pk",)

    @admin.display(description="Standing")
    def status_shown(self, parked: ParkedEvent) -> SafeString:
        return show.label(parked.status, TONES[ParkedStatus(parked.status)])

    @admin.display(description="Last error")
    def error_shown(self, parked: ParkedEvent) -> str:
        return show.short(parked.error.strip().splitlines()[-1], 100) if parked.error.strip() else show.NOTHING

    @admin.display(description="Parked")
    def since(self, parked: ParkedEvent) -> SafeString | str:
        return show.moment(parked.parked_at)

    def panels(self, request: HttpRequest, parked: ParkedEvent) -> list[Panel]:
        return [
            panels.custom("Last error", "console/panels/pre.html", text=parked.error),
            panels.json_value("Payload", parked.payload),
            panels.facts(
                "Parked event",
                [
                    ("Standing", self.status_shown(parked)),
                    ("Lane", parked.lane),
                    ("Type", parked.type),
                    ("Position", f"{parked.xid}-{parked.seq}"),
                    ("Attempts", str(parked.attempts)),
                    ("Told", show.moment(parked.at)),
                    ("Parked", self.since(parked)),
                    ("Retried by", parked.retried_by),
                    ("Retried", show.moment(parked.retried_at) if parked.retried_at else ""),
                    ("Resolved", show.moment(parked.resolved_at) if parked.resolved_at else ""),
                    ("Session", self.link(request, "swarm.swarmsession", parked.session_id, parked.session_id or "")),
                    ("Task", self.link(request, "swarm.task", parked.task_id, parked.task_id or "")),
                    ("Trace", parked.trace_id),
                ],
            ),
        ]
