"""Tasks: every standing of the swarm's work, and the dead letters."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Case, When
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.cancel_task import cancel_task
from chimera.flows.retry_task import retry_task
from chimera.flows.show_task import TaskPage, show_task
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.filters import newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb, Why
from swarm import queries
from swarm.actions import progress
from swarm.admin import looks
from swarm.models import Task, TaskArtifact, TaskDependency, TaskResult
from swarm.states import TASK, TaskStatus

HEADING_MAX = 90  # characters; a longer description has a panel of its own
RELATED_MAX = 50  # rows of one small table

_TELLING_FIRST = Case(When(status=TaskStatus.FAILED, then=0), When(status=TaskStatus.COMPLETED, then=2), default=1)


def _cancel(task: Task, said: dict[str, Any], by: Actor) -> None:
    cancel_task(task_id=task.pk, reason=said["reason"], by=by)


def _retry(task: Task, said: dict[str, Any], by: Actor) -> None:
    retry_task(task_id=task.pk, by=by)


VERBS = (
    Verb(
        name="retry",
        label="Retry",
        past="retried",
        roles=looks.OPERATORS,
        run=_retry,
        offered=lambda t: t.status == TaskStatus.FAILED,
        tone="primary",
        hint="It starts anew, with all its attempts.",
    ),
    Verb(
        name="cancel",
        label="Cancel",
        past="cancelled",
        roles=looks.OPERATORS,
        run=_cancel,
        form=Why,
        offered=lambda t: TASK.can(t.status, TaskStatus.CANCELLED),
        tone="danger",
        hint="Its card is withdrawn, its money released; what depends on it is cancelled too.",
    ),
)


@admin.register(Task, site=site)
class TaskAdmin(RowsAdmin):
    nouns = "Tasks"
    viewers = looks.VIEWERS
    verbs = VERBS
    empty_sentence = "No task yet."
    quick_links: ClassVar = (
        ("All", {}),
        ("Running", {"status__exact": "running"}),
        ("Queued", {"status__exact": "queued"}),
        ("Blocked", {"status__exact": "blocked"}),
        ("Dead letters", {"status__exact": "failed"}),
    )
    list_display = ("what", "status_shown", "role", "session_name", "agent_name", "attempts", "why", "created")
    list_filter = ("status", "role", newest("session", "session"), "execution_mode")
    list_select_related = ("session", "agent")
    list_deferred = ("input_payload", "metadata", "resume")
    search_fields = ("external_id__exact", "type__istartswith")
    search_help_text = "Id, external id, or the beginning of its type"
    ordering = ("-pk",)

    @admin.display(description="Task")
    def what(self, task: Task) -> str:
        return show.short(task.description or task.type, 70)

    @admin.display(description="Status")
    def status_shown(self, task: Task) -> SafeString:
        return looks.status(task.status)

    @admin.display(description="Session")
    def session_name(self, task: Task) -> str:
        return show.short(str(task.session), 60)

    @admin.display(description="Agent")
    def agent_name(self, task: Task) -> str:
        return task.agent.name if task.agent else show.NOTHING

    @admin.display(description="Attempts")
    def attempts(self, task: Task) -> str:
        return f"{task.attempt_count}/{task.max_attempts}"

    @admin.display(description="Because")
    def why(self, task: Task) -> str:
        return show.short(task.blocked_reason or (task.error or {}).get("message", "") or "", 60) or show.NOTHING

    @admin.display(description="Created")
    def created(self, task: Task) -> SafeString | str:
        return show.moment(task.created_at)

    def heading(self, row: Task) -> str:
        return show.short(row.description or row.type, HEADING_MAX)

    def banner(self, request: HttpRequest, row: Task) -> tuple[str, str] | None:
        """What would else wait without a word."""
        unmet = queries.unmet([row.pk], most=1) if row.status == TaskStatus.PENDING else {}
        if not any(status == TaskStatus.FAILED for _, status in unmet.get(row.pk, ())):
            return None
        return "warn", "It waits for a task that has failed, until somebody retries that one or drops it."

    def panels(self, request: HttpRequest, task: Task) -> list[Panel]:
        page = show_task(task)
        results = TaskResult.objects.filter(task_id=task.pk).select_related("agent").order_by("-id")
        return [
            *([panels.prose("What is to be done", task.description)] if len(task.description) > HEADING_MAX else []),
            *looks.result_panels(list(results[:RELATED_MAX])),
            *self._artifacts(task),
            panels.json_value("Input", task.input_payload),
            *self._related(request, task),
            *self._money(request, page),
            *self._cards(request, page),
            *self._memories(page),
            panels.custom("Timeline", "console/panels/history.html", events=page.history),
            self._about(request, task),
            self._standing(task),
        ]

    def _artifacts(self, task: Task) -> list[Panel]:
        found = TaskArtifact.objects.filter(task_id=task.pk).order_by("-id")[:RELATED_MAX]
        rows = [(a.type, a.uri or show.short(show.pretty(a.content), 200), show.moment(a.created_at)) for a in found]
        return [panels.table("Artifacts", ("Type", "Content or address", "Made"), rows)] if rows else []

    def _related(self, request: HttpRequest, task: Task) -> list[Panel]:
        needed = TaskDependency.objects.filter(task_id=task.pk).values("depends_on_id")
        groups = (
            ("Waits for", Task.objects.filter(pk__in=needed)),
            ("Its children", Task.objects.filter(parent_task_id=task.pk)),
        )
        shown = []
        for title, found in groups:
            rows = [
                (
                    self.link(request, "swarm.task", t.pk, show.short(t.description or t.type, 70)),
                    looks.status(t.status),
                )
                for t in found.defer("input_payload", "metadata").order_by(_TELLING_FIRST, "pk")[:RELATED_MAX]
            ]
            shown += [panels.table(title, ("Task", "Status"), rows)] if rows else []
        return shown

    def _memories(self, page: TaskPage) -> list[Panel]:
        if not page.memories:
            return []
        template = "safety/reviewcard/memories.html"
        return [panels.custom("What its agents knew", template, note="as it was then", memories=page.memories)]

    def _money(self, request: HttpRequest, page: TaskPage) -> list[Panel]:
        rows = [
            (
                self.link(request, "commerce.transaction", s.pk, show.usd(s.amount_usd)),
                show.short(" · ".join(filter(None, [s.payee or s.category, s.purpose])), 120) or show.NOTHING,
                show.label(s.status),
                s.denied_reason,
                show.moment(s.created_at),
            )
            for s in page.spends[:RELATED_MAX]
        ]
        return [panels.table("Money", ("Amount", "For", "Standing", "", "Asked"), rows)] if rows else []

    def _cards(self, request: HttpRequest, page: TaskPage) -> list[Panel]:
        rows = [
            (
                self.link(request, "safety.reviewcard", c.pk, c.get_kind_display()),
                show.label(c.status),
                c.decided_by.get_username() if c.decided_by else "",
                c.note,
            )
            for c in page.cards[:RELATED_MAX]
        ]
        return [panels.table("Reviews", ("Card", "Standing", "By", "Note"), rows)] if rows else []

    def _about(self, request: HttpRequest, task: Task) -> Panel:
        parent = self.link(request, "swarm.task", task.parent_task_id, "its parent") if task.parent_task_id else ""
        return panels.facts(
            "Task",
            [
                ("Status", looks.status(task.status)),
                ("Type", task.type),
                ("Role", task.role),
                ("Requires", ", ".join(task.requires)),
                ("Session", self.link(request, "swarm.swarmsession", task.session_id, task.session)),
                ("Agent", self.link(request, "swarm.agentprofile", task.agent_id, task.agent) if task.agent else ""),
                ("Parent", parent),
                ("External id", task.external_id),
                ("Priority", f"{task.priority} ({task.priority_band})"),
                ("Risk tier", str(task.risk_tier)),
                ("Mode", task.get_execution_mode_display()),
                ("Budget", f"{show.usd(task.budget_usd)}, with all below it" if task.budget_usd is not None else ""),
                ("Judged", "yes, before it completes" if task.judged else ""),
            ],
        )

    def _standing(self, task: Task) -> Panel:
        latest = progress.latest(task.pk) if task.attempt_count else None
        done = f" {latest['percentage']:.0f} %" if latest and latest["percentage"] is not None else ""
        return panels.facts(
            "How it stands",
            [
                ("Attempts", f"{task.attempt_count} of {task.max_attempts}"),
                ("Progress", format_html("{}{} {}", latest["phase"], done, latest["message"]) if latest else ""),
                ("Blocked", task.blocked_reason),
                ("Error", f"{task.error.get('code')}: {task.error.get('message')}" if task.error else ""),
                ("Lease until", show.moment(task.lease_expires_at) if task.lease_expires_at else ""),
                ("Not before", show.moment(task.not_before) if task.not_before else ""),
                ("Deadline", show.moment(task.deadline_at, due=True) if task.deadline_at else ""),
                ("Created", show.moment(task.created_at)),
                ("Queued", show.moment(task.queued_at) if task.queued_at else ""),
                ("Started", show.moment(task.started_at) if task.started_at else ""),
                ("Ended", show.moment(task.completed_at) if task.completed_at else ""),
            ],
        )
