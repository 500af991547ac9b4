"""The event log, newest first. It stands here and not in the kernel because names of agents are the swarm's to know."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.show_history import Told, tell_of
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.eventlog import Event, Fact
from swarm.admin import looks


class NounFilter(admin.SimpleListFilter):
    title = "noun"
    parameter_name = "noun"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        nouns = {".".join(name.split(".")[:2]) for name in Fact.registry if not name.startswith("test")}
        return sorted((noun, noun.split(".")[1]) for noun in nouns)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(type__startswith=f"{self.value()}.") if self.value() else queryset


@admin.register(Event, site=site)
class EventAdmin(RowsAdmin):
    nouns = "Event log"
    viewers = looks.VIEWERS
    empty_sentence = "Nothing has happened yet."
    quick_links: ClassVar = (
        ("All", {}),
        ("Tasks", {"noun": "swarm.task"}),
        ("Reviews", {"noun": "safety.review"}),
        ("Money", {"noun": "commerce.transaction"}),
    )
    list_display = ("what", "who", "when", "position")
    list_filter = (NounFilter,)
    search_fields = ("type",)  # makes unfold show the field; what it finds is said below
    search_help_text = "Id of a session, task, card or transaction"
    ordering = ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the id of what it is about, or of its session: what the log is indexed by."""
        if not search_term:
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        return queryset.filter(Q(session_id=wanted) | Q(aggregate_id=wanted) | Q(pk=wanted)), False

    def prepare(self, request: HttpRequest, rows: list[Event]) -> None:
        for row, told in zip(rows, tell_of(rows), strict=True):
            row.told = told  # type: ignore[attr-defined]

    @admin.display(description="What")
    def what(self, event: Event) -> SafeString:
        told: Told = event.told  # type: ignore[attr-defined]
        return format_html('{} <span class="chm-faint">{}</span>', told.what, show.short(told.words, 120))

    @admin.display(description="Who")
    def who(self, event: Event) -> str:
        return event.told.who  # type: ignore[attr-defined, no-any-return]

    @admin.display(description="When")
    def when(self, event: Event) -> SafeString | str:
        return show.moment(event.at)

    @admin.display(description="Position")
    def position(self, event: Event) -> str:
        return f"{event.xid}-{event.seq}"

    def heading(self, row: Event) -> str:
        return str(row.told.what).capitalize()  # type: ignore[attr-defined]

    def panels(self, request: HttpRequest, event: Event) -> list[Panel]:
        return [
            panels.json_value("Payload", event.payload),
            panels.facts(
                "Event",
                [
                    ("Type", event.type),
                    ("Position", self.position(event)),
                    ("At", show.moment(event.at)),
                    ("Who", self.who(event)),
                    ("Actor", event.actor),
                    ("Trace", event.trace_id),
                    ("Session", self.link(request, "swarm.swarmsession", event.session_id, event.session_id or "")),
                    ("Task", self.link(request, "swarm.task", event.task_id, event.task_id or "")),
                ],
            ),
        ]
