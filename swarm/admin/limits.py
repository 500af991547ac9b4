"""Concurrency limits: how many tasks may run at once, and how many do; operators add, change and remove them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.show_history import tell_of
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb
from chimera.kernel.errors import Refused, forbidden
from chimera.kernel.eventlog import Event
from swarm.actions import limits
from swarm.admin import looks
from swarm.admin.limit_forms import Changed, New
from swarm.models import ConcurrencyLimit
from swarm.states import LimitScope

CHANGES_SHOWN_MAX = 50
_EACH_KEY = (LimitScope.KEY, "")


def _change(limit: ConcurrencyLimit, said: dict[str, Any], by: Actor) -> None:
    limits.change(limit=limits.lock(limit.pk), running_max=said["running_max"], by=by)


def _remove(limit: ConcurrencyLimit, said: dict[str, Any], by: Actor) -> None:
    limits.remove(limit=limits.lock(limit.pk), by=by)


VERBS = (
    Verb(
        name="change",
        label="Change",
        past="changed the limit to",
        roles=looks.OPERATORS,
        run=_change,
        form=Changed,
        tone="primary",
        hint="Acts from the next claim on. Where more than that run already, none is added until fewer do.",
    ),
    Verb(
        name="remove",
        label="Remove",
        past="removed the limit",
        roles=looks.OPERATORS,
        run=_remove,
        tone="danger",
        hint="What it kept waiting may run from the next claim on; a key then has what keys have by default.",
    ),
)


@admin.register(ConcurrencyLimit, site=site)
class LimitAdmin(RowsAdmin):
    nouns = "Concurrency limits"
    viewers = looks.VIEWERS
    verbs = VERBS
    empty_sentence = "No limit yet: as many tasks run as agents have slots; of one concurrency_key one at a time."
    quick_links: ClassVar = (("All", {}), *((f"Of a {s.value}", {"scope__exact": s.value}) for s in LimitScope))
    list_display = ("is_for", "in_use", "standing")
    list_filter = ("scope",)
    search_fields = ("value__icontains",)
    search_help_text = "Role, key or id"
    ordering = ("-pk",)

    def more_urls(self) -> list[Any]:
        return [path("new/", self.admin_site.admin_view(self.new_view), name="swarm_concurrencylimit_new")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:swarm_concurrencylimit_new"), "New limit")] if may(request, looks.OPERATORS) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

    def prepare(self, request: HttpRequest, rows: list[ConcurrencyLimit]) -> None:
        running = limits.running()
        for row in rows:
            row.running = running[(LimitScope(row.scope), row.value)]  # type: ignore[attr-defined]

    @admin.display(description="Of")
    def is_for(self, limit: ConcurrencyLimit) -> str:
        return self.heading(limit)

    @admin.display(description="Running now")
    def in_use(self, limit: ConcurrencyLimit) -> SafeString | str:
        if _is_default(limit):
            return f"{limit.running_max} of each"
        return format_html("<b>{}</b> of {}", _running(limit), limit.running_max)

    @admin.display(description="")
    def standing(self, limit: ConcurrencyLimit) -> SafeString:
        if limit.running_max == 0:
            return show.label("closed", "bad", "Nothing is handed out under it")
        return show.label("full", "warn") if _is_full(limit) else show.label("room", "good")

    def heading(self, row: ConcurrencyLimit) -> str:
        match LimitScope(row.scope):
            case LimitScope.TENANT:
                return "All tasks"
            case LimitScope.ROLE:
                return f"Role {row.value}"
            case LimitScope.KEY:
                return f"Key {row.value}" if row.value else "Every other key"

    def panels(self, request: HttpRequest, limit: ConcurrencyLimit) -> list[Panel]:
        told = tell_of(list(Event.objects.filter(aggregate_id=limit.pk).order_by("-xid", "-seq")[:CHANGES_SHOWN_MAX]))
        return [
            panels.custom("History", "console/panels/history.html", events=told),
            panels.facts(
                "Limit",
                [
                    ("Of", self.heading(limit)),
                    ("Running now", self.in_use(limit)),
                    ("Standing", self.standing(limit)),
                    ("Version", str(limit.version)),
                    ("Made", show.moment(limit.created_at)),
                ],
            ),
        ]

    def verb_view(self, request: HttpRequest, row_id: Any, verb: str) -> HttpResponse:
        """What was removed has no page to come back to."""
        answer = super().verb_view(request, row_id, verb)
        if isinstance(answer, HttpResponseRedirect) and not ConcurrencyLimit.objects.filter(pk=row_id).exists():
            return HttpResponseRedirect(reverse("admin:swarm_concurrencylimit_changelist"))
        return answer

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, looks.OPERATORS):
            raise forbidden("Concurrency limits are set by: admin, operator.", code="role")
        if request.method != "POST":
            return self._new_page(request, New())
        form, who = New(request.POST), principal(request)
        if not form.is_valid():
            return self._new_page(request, form, status=422)
        said = dict(form.cleaned_data)
        try:
            with tenancy.bound(who.tenant_id):
                made = limits.create(scope=LimitScope(said.pop("scope")), **said, by=who.actor)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        say_when_done(request, f"{who.name} set a limit of {made} at {clock.now():%H:%M} UTC.")
        return HttpResponseRedirect(self.address(made))

    def _new_page(self, request: HttpRequest, form: New, status: int = 200) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New limit"),
            "title": "New limit",
            "form": form,
            "submit": "Set the limit",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)


def _running(limit: ConcurrencyLimit) -> int:
    found: int = limit.running  # type: ignore[attr-defined]
    return found


def _is_default(limit: ConcurrencyLimit) -> bool:
    return (limit.scope, limit.value) == _EACH_KEY


def _is_full(limit: ConcurrencyLimit) -> bool:
    return not _is_default(limit) and _running(limit) >= limit.running_max
