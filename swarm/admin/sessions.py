"""Sessions: their tasks, their money, and what happens in them right now."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.cancel_task import cancel_open_of
from chimera.flows.show_session import count_tasks, show_session
from chimera.flows.stop_work import stop_session
from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.filters import newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.site import site
from swarm.actions import sessions
from swarm.admin import looks, steering
from swarm.admin.named import NamedAdmin
from swarm.models import SwarmSession, Task
from swarm.states import SESSION, SessionStatus

TASKS_SHOWN_MAX = 100


def _pause(session: SwarmSession, said: dict[str, Any], by: Actor) -> None:
    sessions.pause(session=sessions.lock(session.pk), reason=said["reason"], by=by)


def _resume(session: SwarmSession, said: dict[str, Any], by: Actor) -> None:
    sessions.resume(session=sessions.lock(session.pk), reason="", by=by)


def _complete(session: SwarmSession, said: dict[str, Any], by: Actor) -> None:
    sessions.complete(session=sessions.lock(session.pk), reason=said["reason"], by=by)


def _stop(session: SwarmSession, said: dict[str, Any], by: Actor) -> None:
    stop_session(session_id=session.pk, reason=said["reason"], by=by)
    steering.sweep_afterwards(cancel_open_of, tenant_id=tenancy.current(), session_id=session.pk, by=by)


VERBS = (
    steering.pause(
        run=_pause,
        offered=lambda s: SESSION.can(s.status, SessionStatus.PAUSED),
        hint="Nothing is handed out any more; running agents are told to pause.",
    ),
    steering.resume(run=_resume, offered=lambda s: s.status == SessionStatus.PAUSED),
    steering.complete(
        run=_complete,
        offered=lambda s: SESSION.can(s.status, SessionStatus.COMPLETED),
        hint="Only when none of its tasks is open.",
    ),
    steering.stop(
        run=_stop,
        offered=lambda s: SESSION.can(s.status, SessionStatus.STOPPED),
        hint="For good: its open tasks are cancelled, their money is released.",
    ),
)


@admin.register(SwarmSession, site=site)
class SessionAdmin(NamedAdmin):
    nouns = "Sessions"
    verbs = VERBS
    empty_sentence = "No session yet. A planner or an operator creates one through the API."
    quick_links: ClassVar = (
        ("All", {}),
        ("Running", {"status__exact": "running"}),
        ("Paused", {"status__exact": "paused"}),
    )
    list_display = ("name_shown", "status_shown", "campaign", "tasks_shown", "began")
    list_filter = ("status", newest("campaign", "campaign"))
    list_select_related = ("campaign",)
    list_deferred = ("context",)

    def prepare(self, request: HttpRequest, rows: list[SwarmSession]) -> None:
        counted = count_tasks([row.pk for row in rows])
        for row in rows:
            row.task_counts = counted[row.pk]  # type: ignore[attr-defined]

    @admin.display(description="Session")
    def name_shown(self, session: SwarmSession) -> str:
        return str(session)

    @admin.display(description="Tasks")
    def tasks_shown(self, session: SwarmSession) -> SafeString:
        return looks.counts(session.task_counts)  # type: ignore[attr-defined]

    @admin.display(description="Began")
    def began(self, session: SwarmSession) -> SafeString | str:
        return show.moment(session.created_at)

    def panels(self, request: HttpRequest, session: SwarmSession) -> list[Panel]:
        page = show_session(session)
        timeline = panels.custom("Timeline", "swarm/swarmsession/timeline.html", session=session)
        budgets = [panels.custom("Its own budgets", "console/panels/usage.html", aside=True, budgets=page.usage)]
        return [
            self._tasks(request, session),
            timeline,
            *([panels.json_value("Context", session.context)] if session.context else []),
            panels.facts(
                "Session",
                [
                    ("Status", looks.status(session.status)),
                    ("Campaign", self.link(request, "swarm.campaign", session.campaign_id, session.campaign or "none")),
                    ("Tasks", looks.counts(session.task_counts)),  # type: ignore[attr-defined]
                    ("Waiting cards", str(page.waiting_cards)),
                    ("Spent and held", show.usd(page.spent_usd)),
                    ("State version", str(session.state_version)),
                    ("Began", show.moment(session.created_at)),
                    ("Ended", show.moment(session.ended_at) if session.ended_at else ""),
                ],
            ),
            *(budgets if page.usage else []),
        ]

    def _tasks(self, request: HttpRequest, session: SwarmSession) -> Panel:
        rows = Task.objects.filter(session=session).select_related("agent").defer("input_payload", "metadata")
        found = list(rows.order_by("-pk")[:TASKS_SHOWN_MAX])
        note = f"the newest {TASKS_SHOWN_MAX}" if len(found) == TASKS_SHOWN_MAX else ""
        shown = [
            (
                self.link(request, "swarm.task", task.pk, show.short(task.description or task.type, 60)),
                format_html('<span data-task="{}">{}</span>', task.pk, looks.status(task.status)),
                task.role,
                task.agent.name if task.agent else show.NOTHING,
                format_html("{}/{}", task.attempt_count, task.max_attempts),
                show.moment(task.created_at),
            )
            for task in found
        ]
        columns = ("Task", "Status", "Role", "Agent", "Attempts", "Created")
        return panels.table("Tasks", columns, shown, empty="No tasks yet.", note=note)
