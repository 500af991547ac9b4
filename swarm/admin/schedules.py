"""Schedules: when they run next, and what came of each time before."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.run_schedules import run_now
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.filters import newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb
from swarm.actions import schedules
from swarm.admin import looks, steering
from swarm.admin.named import NamedAdmin
from swarm.models import Schedule, ScheduleRun
from swarm.states import SCHEDULE, RunStatus, ScheduleStatus

RUNS_SHOWN_MAX = 50
_TONES = {
    RunStatus.CREATED: "good",
    RunStatus.WAITING: "info",
    RunStatus.SKIPPED: "warn",
    RunStatus.MISSED: "bad",
    RunStatus.REPLACED: "plain",
}


def _pause(schedule: Schedule, said: dict[str, Any], by: Actor) -> None:
    schedules.pause(schedule=schedules.hold(schedule.pk), reason=said["reason"], by=by)


def _resume(schedule: Schedule, said: dict[str, Any], by: Actor) -> None:
    schedules.resume(schedule=schedules.hold(schedule.pk), reason="", by=by)


def _run_now(schedule: Schedule, said: dict[str, Any], by: Actor) -> None:
    run_now(schedule_id=schedule.pk, by=by)


def _stop(schedule: Schedule, said: dict[str, Any], by: Actor) -> None:
    schedules.end(schedule=schedules.hold(schedule.pk), reason=said["reason"], by=by)


VERBS = (
    Verb(
        name="run_now",
        label="Run now",
        past="asked for a run of",
        roles=looks.OPERATORS,
        run=_run_now,
        offered=lambda s: s.status != ScheduleStatus.ENDED,
        tone="primary",
        hint="Out of its turn, under the same rule of overlap; the runs below say what came of it.",
    ),
    steering.pause(
        run=_pause,
        offered=lambda s: SCHEDULE.can(s.status, ScheduleStatus.PAUSED),
        hint="What passes meanwhile is not made up for.",
    ),
    steering.resume(run=_resume, offered=lambda s: SCHEDULE.can(s.status, ScheduleStatus.ACTIVE)),
    steering.stop(
        run=_stop,
        offered=lambda s: SCHEDULE.can(s.status, ScheduleStatus.ENDED),
        hint="For good. Its open task goes on; a run that waits is dropped.",
    ),
)


@admin.register(Schedule, site=site)
class ScheduleAdmin(NamedAdmin):
    nouns = "Schedules"
    verbs = VERBS
    empty_sentence = "No schedule yet. A planner or an operator makes one for a campaign through the API."
    quick_links: ClassVar = (
        ("All", {}),
        ("Active", {"status__exact": "active"}),
        ("Paused", {"status__exact": "paused"}),
    )
    list_display = ("name", "status_shown", "when", "overlap", "campaign", "next_run", "last_run")
    list_filter = ("status", "overlap", newest("campaign", "campaign"))
    list_select_related = ("campaign",)
    list_deferred = ("task",)

    def prepare(self, request: HttpRequest, rows: list[Schedule]) -> None:
        """The latest run of each, in one query."""
        latest = ScheduleRun.objects.filter(schedule__in=[row.pk for row in rows]).order_by("schedule_id", "-pk")
        found: dict[UUID, ScheduleRun] = {run.schedule_id: run for run in latest.distinct("schedule_id")}
        for row in rows:
            row.latest = found.get(row.pk)  # type: ignore[attr-defined]

    @admin.display(description="When")
    def when(self, schedule: Schedule) -> SafeString:
        return format_html("<code>{}</code> {}", schedule.cron, schedule.time_zone)

    @admin.display(description="Next")
    def next_run(self, schedule: Schedule) -> SafeString | str:
        return show.moment(schedule.next_run_at)

    @admin.display(description="Last")
    def last_run(self, schedule: Schedule) -> SafeString | str:
        run: ScheduleRun | None = schedule.latest  # type: ignore[attr-defined]
        return show.NOTHING if run is None else format_html("{} {}", _outcome(run), show.moment(run.fire_at))

    def panels(self, request: HttpRequest, schedule: Schedule) -> list[Panel]:
        return [
            self._runs(request, schedule),
            panels.json_value("The task of each run", schedule.task),
            panels.facts(
                "Schedule",
                [
                    ("Status", looks.status(schedule.status)),
                    ("When", self.when(schedule)),
                    ("Next", show.moment(schedule.next_run_at) if schedule.next_run_at else ""),
                    ("Overlap", f"{schedule.overlap}: {schedule.get_overlap_display()}"),
                    ("Campaign", self.link(request, "swarm.campaign", schedule.campaign_id, schedule.campaign)),
                    ("Session", self._session(request, schedule)),
                    ("Starts", show.moment(schedule.starts_at) if schedule.starts_at else ""),
                    ("Ends", show.moment(schedule.ends_at) if schedule.ends_at else ""),
                    ("Made by", schedule.created_by),
                    ("Made", show.moment(schedule.created_at)),
                    ("Ended", show.moment(schedule.ended_at) if schedule.ended_at else ""),
                ],
            ),
        ]

    def _session(self, request: HttpRequest, schedule: Schedule) -> SafeString | str:
        return self.link(request, "swarm.swarmsession", schedule.session_id, schedule.session or "none yet")

    def _runs(self, request: HttpRequest, schedule: Schedule) -> Panel:
        found = list(ScheduleRun.objects.filter(schedule=schedule).order_by("-pk")[:RUNS_SHOWN_MAX])
        rows = [
            (
                f"{run.fire_at:%Y-%m-%d %H:%M} UTC",
                _outcome(run),
                " · ".join(part for part in (run.reason.replace("_", " "), run.detail, run.asked_by) if part),
                self.link(request, "swarm.task", run.task_id, "task") if run.task_id else "",
            )
            for run in found
        ]
        note = f"the newest {RUNS_SHOWN_MAX}" if len(found) == RUNS_SHOWN_MAX else ""
        columns = ("Time", "Came of it", "Why, by whom", "Task")
        return panels.table("Runs", columns, rows, empty="It has not run yet.", note=note)


def _outcome(run: ScheduleRun) -> SafeString:
    return show.label(run.status, _TONES[RunStatus(run.status)])
