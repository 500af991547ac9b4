"""Schedules: create, list, read with their runs, change, pause, resume, stop, run now."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows.run_schedules import run_now
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import choice_or_refuse, page, uuid_or_refuse
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.http.versions import expected_version
from swarm.actions import schedules
from swarm.actions.schedules import NewSchedule
from swarm.api.sessions import CREATORS
from swarm.models import Campaign, ScheduleRun
from swarm.models import Schedule as ScheduleRow
from swarm.models.schedule import TaskTemplate
from swarm.serializers.basics import Reason, choices
from swarm.serializers.schedules import NewScheduleShape, RunShape, ScheduleChange, ScheduleShape, ScheduleWithRuns
from swarm.states import ScheduleStatus

RUNS_SHOWN_MAX = 20


class Schedules(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = paged("status", "campaign")

    @extend_schema(operation_id="schedules_list", responses=page_of(ScheduleShape))
    def get(self, request: Call) -> Response:
        rows = ScheduleRow.objects.all()
        if campaign := request.query_params.get("campaign"):
            rows = rows.filter(campaign_id=uuid_or_refuse(campaign, "campaign"))
        return _page(rows, request)


class CampaignSchedules(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": CREATORS}
    knows: ClassVar = paged("status")

    @extend_schema(operation_id="campaigns_schedules_list", responses=page_of(ScheduleShape))
    def get(self, request: Call, campaign_id: UUID) -> Response:
        campaign = Campaign.objects.get_or_refuse(campaign_id)
        return _page(ScheduleRow.objects.filter(campaign=campaign), request)

    @extend_schema(
        operation_id="campaigns_schedules_create", request=NewScheduleShape, responses={201: ScheduleWithRuns}
    )
    def post(self, request: Call, campaign_id: UUID) -> Response:
        new = NewScheduleShape(data=request.data)
        new.is_valid(raise_exception=True)
        said = NewSchedule(**new.validated_data | {"task": TaskTemplate(**new.validated_data["task"])})
        schedule = schedules.create(campaign_id=campaign_id, new=said, by=request.user.actor)
        return Response(_shown(schedule), status=201)


class Schedule(Door):
    allow: ClassVar = {"GET": ANYONE, "PATCH": CREATORS}

    @extend_schema(operation_id="schedules_read", responses=ScheduleWithRuns)
    def get(self, request: Call, schedule_id: UUID) -> Response:
        return Response(_shown(ScheduleRow.objects.get_or_refuse(schedule_id)))

    @extend_schema(operation_id="schedules_change", request=ScheduleChange, responses=ScheduleWithRuns)
    def patch(self, request: Call, schedule_id: UUID) -> Response:
        said = ScheduleChange(data=request.data)
        said.is_valid(raise_exception=True)
        changes = dict(said.validated_data)
        version = expected_version(request, changes.pop("state_version", None))
        if "task" in changes:
            changes["task"] = TaskTemplate(**changes["task"])
        schedule = schedules.hold(schedule_id)
        schedules.check_planner(schedule, request.user.actor)
        schedules.change(schedule=schedule, changes=changes, expected_version=version, by=request.user.actor)
        return Response(_shown(schedule))


class ScheduleVerb(Door):
    allow: ClassVar = {"POST": CREATORS}
    verb = ""

    @extend_schema(request=Reason, responses=ScheduleWithRuns)
    def post(self, request: Call, schedule_id: UUID) -> Response:
        said = Reason(data=request.data)
        said.is_valid(raise_exception=True)
        reason, by = said.validated_data["reason"], request.user.actor
        schedule = schedules.hold(schedule_id)
        schedules.check_planner(schedule, by)
        match self.verb:
            case "pause":
                schedules.pause(schedule=schedule, reason=reason, by=by)
            case "resume":
                schedules.resume(schedule=schedule, reason=reason, by=by)
            case _:
                schedules.end(schedule=schedule, reason=reason, by=by)
        return Response(_shown(schedule))


class ScheduleRunNow(Door):
    allow: ClassVar = {"POST": CREATORS}

    @extend_schema(operation_id="schedules_run_now", request=None, responses={201: RunShape})
    def post(self, request: Call, schedule_id: UUID) -> Response:
        """Answers what came of it, which may be nothing: the rule of overlap holds here too."""
        run = run_now(schedule_id=schedule_id, by=request.user.actor)
        return Response(RunShape(run).data, status=201)


def _page(rows: QuerySet[ScheduleRow], request: Call) -> Response:
    if status := request.query_params.get("status"):
        rows = rows.filter(status=choice_or_refuse(status, "status", choices(ScheduleStatus)))
    return page(rows, request, lambda found: ScheduleShape(found, many=True).data)


def _shown(schedule: ScheduleRow) -> dict[str, Any]:
    runs = ScheduleRun.objects.filter(schedule=schedule).order_by("-pk")[:RUNS_SHOWN_MAX]
    return {**ScheduleShape(schedule).data, "runs": RunShape(runs, many=True).data}
