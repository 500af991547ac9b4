"""Dead letters: tasks that failed for good, why, and what becomes of them; one by one, selected, or all that match."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from chimera.flows.bulk_tasks import BulkVerb
from chimera.flows.drop_task import drop_task
from chimera.flows.retry_task import retry_task
from chimera.kernel.actors import Actor
from chimera.kernel.console import show
from chimera.kernel.console.filters import newest
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb, Why
from swarm.admin import dead_many, looks
from swarm.admin.dead_filters import ErrorCodes, Types
from swarm.admin.tasks import TaskAdmin
from swarm.models.dead_letter import DeadLetter
from swarm.states import TaskStatus


def _retry(task: DeadLetter, said: dict[str, Any], by: Actor) -> None:
    retry_task(task_id=task.pk, by=by)


def _drop(task: DeadLetter, said: dict[str, Any], by: Actor) -> None:
    drop_task(task_id=task.pk, reason=said["reason"], by=by)


def _is_dead(task: DeadLetter) -> bool:
    return task.status == TaskStatus.FAILED


VERBS = (
    Verb(
        name=BulkVerb.RETRY,
        label="Retry",
        past="retried",
        roles=looks.OPERATORS,
        run=_retry,
        offered=_is_dead,
        tone="primary",
        hint="It starts anew, with all its attempts.",
    ),
    Verb(
        name=BulkVerb.DROP,
        label="Drop",
        past="dropped",
        roles=looks.OPERATORS,
        run=_drop,
        form=Why,
        offered=_is_dead,
        tone="danger",
        hint="For good: it is cancelled, and with it what waits for it.",
    ),
)


@admin.register(DeadLetter, site=site)
class DeadLetterAdmin(TaskAdmin):
    nouns = "Dead letters"
    verbs = VERBS
    empty_sentence = "No task has failed for good."
    quick_links: ClassVar[Any] = ()
    list_before_template = "swarm/deadletter/all.html"
    list_disable_select_all = (
        True  # unfold would promise as many as the paginator pretends; the form above says how many
    )
    list_display = ("what", "code", "message", "type", "role", "session_name", "attempts", "failed")
    list_filter: Any = (ErrorCodes, Types, newest("session", "session"), "role")

    @admin.display(description="Error")
    def code(self, task: DeadLetter) -> SafeString:
        return show.label((task.error or {}).get("code") or show.NOTHING, "bad")

    @admin.display(description="What it said")
    def message(self, task: DeadLetter) -> str:
        return show.short((task.error or {}).get("message") or "", 100) or show.NOTHING

    @admin.display(description="Failed")
    def failed(self, task: DeadLetter) -> SafeString | str:
        return show.moment(task.completed_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only the list leaves out what failed no more: whoever retried one is shown what became of it."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        listed = match is not None and str(match.url_name).endswith("_changelist")
        return rows.filter(status=TaskStatus.FAILED) if listed else rows

    # ------------------------------------------------------------------ many at once

    def get_actions(self, request: HttpRequest, **where: Any) -> dict[str, Any]:
        """What the box that appears with the first tick offers; `response_action` does it. Newer Djangos say `where`."""
        return {v.name: (None, v.name, f"{v.label} the selected") for v in dead_many.open_to(request, self.verbs)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self.check_view(request)
        if request.method == "POST":
            dead_many.check(request, self.verbs)
        return super().changelist_view(request, extra_context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        if request.method == "GET":
            changelist.all_that_match = dead_many.offer(request, self.verbs, changelist.queryset)
        return changelist

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], **where: Any) -> HttpResponse:
        """What is for good is asked about first, on a page that also takes the reason."""
        asked = dead_many.question(request, self.verbs, queryset)
        if asked is None:
            return dead_many.answer(request, self.verbs, queryset)
        title = f"{asked.verb.label} {asked.words}"
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs(title),
            "title": title,
            "asked": asked,
            "form": asked.form,
            "list": request.get_full_path(),
        }
        return TemplateResponse(request, "swarm/deadletter/confirm.html", shown)
