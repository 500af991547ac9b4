"""Memories: looked up by their words, and forgotten by operators."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.postgres.search import SearchQuery
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import caller
from chimera.kernel.console.filters import exactly, newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb, VerbForm
from chimera.kernel.identity import Role
from memory import actions
from memory.limits import QUERY_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from memory.models import MemoryRecord, Visibility
from memory.queries import HEAVY, Viewer

OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
TONES = {"episodic": "info", "semantic": "mark", "soul": "good"}


class Forgetting(VerbForm):
    reason = forms.CharField(
        required=False,
        max_length=REASON_CHARACTERS_MAX,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why? (kept with the row)"}),
    )


def _forget(memory: MemoryRecord, said: dict[str, Any], by: Actor) -> None:
    actions.forget(memory=memory, reason=said["reason"], by=by)


VERBS = (
    Verb(
        name="forget",
        label="Forget",
        past="made the swarm forget",
        roles=OPERATORS,
        run=_forget,
        form=Forgetting,
        offered=lambda m: m.forgotten_at is None,
        tone="danger",
        hint="No agent finds it any more. The row stays, for those who must account for it.",
    ),
)


class KeptFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("superseded", "superseded"), ("forgotten", "forgotten"), ("all", "all")]

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        return [{**first, "display": "known"}, *rest]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        rows: QuerySet[Any]
        match self.value():
            case "all":
                rows = queryset
            case "forgotten":
                rows = queryset.filter(forgotten_at__isnull=False)
            case "superseded":
                rows = queryset.filter(superseded_at__isnull=False)
            case _:
                rows = queryset.kept().filter(superseded_at__isnull=True)
        return rows


class SaidFilter(admin.SimpleListFilter):
    title = "how often it was said"
    parameter_name = "said"
    times: ClassVar = {"2": "twice or more", "5": "five times or more", "10": "ten times or more"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.times.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        said = self.value()
        if not said:
            return queryset
        rows: Any = queryset
        found: QuerySet[Any] = rows.said_again(int(said)) if said in self.times else rows.none()
        return found


class AgentFilter(newest("agent", "agent")):  # type: ignore[misc]
    """What an agent keeps for itself stands in no list that does not name it."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset.exclude(visibility=Visibility.AGENT)
        named: QuerySet[Any] = super().queryset(request, queryset)
        return named


@admin.register(MemoryRecord, site=site)
class MemoryAdmin(RowsAdmin):
    nouns = "Memories"
    viewers = OPERATORS | {Role.AUDITOR}
    verbs = VERBS
    empty_sentence = "Nothing is remembered yet."
    quick_links: ClassVar = (
        ("Known", {}),
        ("Superseded", {"standing": "superseded"}),
        ("Forgotten", {"standing": "forgotten"}),
        ("All", {"standing": "all"}),
    )
    list_display = (
        "says",
        "category_shown",
        "importance",
        "said",
        "agent_name",
        "session_name",
        "source_shown",
        "since",
    )
    list_filter = (
        KeptFilter,
        "category",
        "visibility",
        exactly("subject", "subject"),
        SaidFilter,
        newest("session", "session"),
        AgentFilter,
    )
    list_select_related = ("session", "agent")
    search_fields = ("content",)  # makes unfold show the field; the word index answers it
    search_help_text = "Words, “a phrase”, -without, or an id"
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All that people may see, who read what an agent keeps for itself by its id; lists of it name the agent (AgentFilter)."""
        known = caller(request)
        rows: Any = super().get_queryset(request).defer(*HEAVY)
        seen: QuerySet[Any] = rows.visible_to(Viewer(any_session=True, any_agent=True)) if known else rows.none()
        return seen

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term.replace("\x00", "")[:QUERY_CHARACTERS_MAX].strip()
        if not words or self.is_id(words):
            return super().get_search_results(request, queryset, words)
        asked = SearchQuery(words, config="english", search_type="websearch")
        return queryset.filter(words=asked), False

    @admin.display(description="What is remembered")
    def says(self, memory: MemoryRecord) -> str:
        return show.short(memory.content, 120)

    @admin.display(description="Category")
    def category_shown(self, memory: MemoryRecord) -> SafeString:
        return show.label(memory.category, TONES[memory.category])

    @admin.display(description="Weight")
    def importance(self, memory: MemoryRecord) -> str:
        return f"{memory.importance_score:.2f}"

    @admin.display(description="Said")
    def said(self, memory: MemoryRecord) -> str:
        return f"{memory.sightings + 1}×" if memory.sightings else show.NOTHING

    @admin.display(description="Agent")
    def agent_name(self, memory: MemoryRecord) -> str:
        return memory.agent.name if memory.agent else show.NOTHING

    @admin.display(description="Session")
    def session_name(self, memory: MemoryRecord) -> str:
        return show.short(str(memory.session), 60) if memory.session else show.NOTHING

    @admin.display(description="Source")
    def source_shown(self, memory: MemoryRecord) -> str:
        return _source(memory)

    @admin.display(description="Since")
    def since(self, memory: MemoryRecord) -> SafeString | str:
        return show.moment(memory.created_at)

    def heading(self, row: MemoryRecord) -> str:
        return show.short(row.content, 90)

    def banner(self, request: HttpRequest, memory: MemoryRecord) -> tuple[str, str] | None:
        if memory.forgotten_at:
            return "plain", f"Forgotten at {memory.forgotten_at:%Y-%m-%d %H:%M} UTC. {memory.forgotten_reason}".strip()
        if memory.superseded_at:
            return "warn", f"Superseded at {memory.superseded_at:%Y-%m-%d %H:%M} UTC by another memory."
        return None

    def panels(self, request: HttpRequest, memory: MemoryRecord) -> list[Panel]:
        newer = (
            self.link(request, "memory.memoryrecord", memory.superseded_by_id, "the newer one")
            if memory.superseded_by_id
            else ""
        )
        return [
            panels.prose("What is remembered", memory.content),
            panels.facts(
                "Memory",
                [
                    ("Category", self.category_shown(memory)),
                    ("Weight", self.importance(memory)),
                    ("Visible to", memory.get_visibility_display()),
                    ("Persona", memory.persona),
                    ("Subject", self._of_subject(memory)),
                    ("Said", f"{memory.sightings + 1} times" if memory.sightings else "once"),
                    ("Last said", show.moment(memory.seen_at) if memory.sightings else ""),
                    ("Agent", self.link(request, "swarm.agentprofile", memory.agent_id, self.agent_name(memory))),
                    ("Role", memory.agent_role),
                    ("Session", self.link(request, "swarm.swarmsession", memory.session_id, memory.session or "")),
                    ("Task", self.link(request, "swarm.task", memory.task_id, "its task") if memory.task_id else ""),
                    ("Source", _source(memory)),
                    ("Kept without", ", ".join(memory.masked)),
                    ("Superseded by", newer),
                    ("Valid from", show.moment(memory.valid_from) if memory.valid_from else ""),
                    ("Valid until", show.moment(memory.valid_until) if memory.valid_until else ""),
                    ("Found by meaning", f"yes, by {memory.embedding_model}" if memory.embedding_model else "not yet"),
                    ("Since", show.moment(memory.created_at)),
                ],
            ),
        ]

    def _of_subject(self, memory: MemoryRecord) -> SafeString | str:
        """To the list of what is remembered about the same."""
        if not memory.subject:
            return ""
        there = reverse("admin:memory_memoryrecord_changelist")
        return show.link(f"{there}?{urlencode({'subject': memory.subject})}", memory.subject)


def _source(memory: MemoryRecord) -> str:
    told = memory.source
    if told.get("file"):
        sentence = told.get("sentence")
        return f"{told['file']}, sentence {sentence}" if isinstance(sentence, int) else str(told["file"])
    return "a result" if told.get("result") else show.NOTHING
