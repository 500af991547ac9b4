"""Schedules: when they run next, and what came of each time before."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.run_schedules import run_now
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.filters import newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.saying import say_when_done
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Verb
from chimera.kernel.errors import Refused, forbidden
from swarm.actions import schedules
from swarm.actions.schedules import NewSchedule
from swarm.admin import looks, steering
from swarm.admin.named import NamedAdmin
from swarm.admin.schedule_forms import New
from swarm.models import Schedule, ScheduleRun
from swarm.models.schedule import TaskTemplate
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
    empty_sentence = (
        "No schedule yet. An operator makes one for a campaign, here or through the API; so does a planner."
    )
    quick_links: ClassVar = (
        ("All", {}),
        ("Active", {"status__exact": "active"}),
        ("Paused", {"status__exact": "paused"}),
    )
    list_display = ("name", "status_shown", "when", "overlap", "campaign", "next_run", "last_run")
    list_filter = ("status", "overlap", newest("campaign", "campaign"))
    list_select_related = ("campaign",)
    list_deferred = ("task",)

    def more_urls(self) -> list[Any]:
        return [path("new/", self.admin_site.admin_view(self.new_view), name="swarm_schedule_new")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = [(reverse("admin:swarm_schedule_new"), "New schedule")] if may(request, looks.OPERATORS) else []
        return super().changelist_view(request, {"list_links": links, **(extra_context or {})})

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

    # ------------------------------------------------------------------ a new one

    def new_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request, looks.OPERATORS):
            raise forbidden("At the console schedules are made by: admin, operator.", code="role")
        if request.method != "POST":
            return self._new_page(request, New(initial={"campaign": request.GET.get("campaign", "")}))
        form, who = New(request.POST), principal(request)
        if not form.is_valid():
            return self._new_page(request, form, status=422)
        try:
            with tenancy.bound(who.tenant_id):
                made = _create(form.cleaned_data, who.actor)
        except Refused as refusal:
            named = [error["field"] for error in refusal.errors if error["field"] in form.fields]
            form.add_error(named[0] if named else None, refusal.detail)
            return self._new_page(request, form, status=refusal.status)
        say_when_done(request, f"{who.name} made the schedule {made} at {clock.now():%H:%M} UTC.")
        return HttpResponseRedirect(self.address(made))

    def _new_page(self, request: HttpRequest, form: New, status: int = 200) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs("New schedule"),
            "title": "New schedule",
            "form": form,
            "submit": "Make the schedule",
        }
        return TemplateResponse(request, "console/form.html", shown, status=status)

    # ------------------------------------------------------------------ its page

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


def _create(said: dict[str, Any], by: Actor) -> Schedule:
    new = said["schedule"]
    asked = NewSchedule(**new | {"task": TaskTemplate(**new["task"])})
    return schedules.create(campaign_id=UUID(said["campaign"]), new=asked, by=by)


def _outcome(run: ScheduleRun) -> SafeString:
    return show.label(run.status, _TONES[RunStatus(run.status)])
