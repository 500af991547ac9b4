"""Schedules: create, change, pause, resume, end, and write down what came of each time; firing is a flow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import advisory, clock
from chimera.kernel.actors import Actor, ActorKind
from chimera.kernel.errors import Stale, conflict, forbidden
from chimera.kernel.eventlog import tell
from swarm.actions import campaigns, schedule_times
from swarm.events import (
    ScheduleChanged,
    ScheduleCreated,
    ScheduleEnded,
    SchedulePaused,
    ScheduleResumed,
    ScheduleSkipped,
)
from swarm.models import Campaign, Schedule, ScheduleRun
from swarm.models.schedule import TaskTemplate
from swarm.states import RUN, SCHEDULE, RunStatus, ScheduleStatus

_TIMING = {"cron", "time_zone", "starts_at", "ends_at"}  # what says when, so that a change of it means a new time


@dataclass(frozen=True, kw_only=True)
class NewSchedule:
    """What a caller says of a schedule to be."""

    name: str
    cron: str
    overlap: str
    task: TaskTemplate
    time_zone: str | None = None  # the tenant's
    is_active: bool = True
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def create(*, campaign_id: UUID, new: NewSchedule, by: Actor) -> Schedule:
    """409 when the campaign is over; 422 for a time that cannot be or never comes. Holds the campaign, which may be ending."""
    campaign = campaigns.lock(campaign_id)
    check_campaign(campaign)
    schedule = Schedule(
        campaign=campaign,
        name=new.name,
        cron=schedule_times.checked(new.cron),
        time_zone=schedule_times.zone(new.time_zone),
        overlap=new.overlap,
        task=new.task.model_dump(mode="json"),
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        created_by=str(by),
        written_by=[str(by)],
    )
    upcoming = schedule_times.upcoming_or_refuse(schedule)
    if new.is_active:
        schedule.next_run_at = upcoming
    else:
        schedule.status = ScheduleStatus.PAUSED
    schedule.save(force_insert=True)
    tell(ScheduleCreated.about(schedule), by=by)
    return schedule


def hold(schedule_id: UUID) -> Schedule:
    """The schedule, by name: whoever changes or fires it waits here, with no transaction id yet (docs/locking.md)."""
    advisory.hold(f"schedule {schedule_id}")
    found: Schedule = Schedule.objects.select_related("campaign", "session").get_or_refuse(schedule_id)
    return found


def check_planner(schedule: Schedule, by: Actor) -> None:
    """A planner changes and runs what it created itself; people what they will."""
    if by.kind is ActorKind.AGENT and schedule.created_by != str(by):
        raise forbidden("Another created this schedule; its planner or a person may do that.", code="not_yours")


def check_open(schedule: Schedule) -> None:
    """409 when it has ended."""
    if schedule.status == ScheduleStatus.ENDED:
        raise conflict("This schedule has ended; create another one.", code="schedule_ended")


def change(*, schedule: Schedule, changes: Mapping[str, Any], expected_version: int | None, by: Actor) -> None:
    """Set some of its fields, and keep who did.

    One that says when (cron, time_zone, starts_at, ends_at) sets the next time anew, from now on.
    """
    if expected_version is not None and expected_version != schedule.state_version:
        raise Stale(
            f"The schedule is at state_version {schedule.state_version}; read it again.",
            state_version=schedule.state_version,
        )
    check_open(schedule)
    said = dict(changes)
    if "cron" in said:
        said["cron"] = schedule_times.checked(said["cron"])
    if "time_zone" in said:
        said["time_zone"] = schedule_times.zone(said["time_zone"])
    if "task" in said:
        said["task"] = said["task"].model_dump(mode="json")
    changed = {name: value for name, value in said.items() if getattr(schedule, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(schedule, name, value)
    if _TIMING & set(changed):
        upcoming = schedule_times.upcoming_or_refuse(schedule)
        changed["next_run_at"] = upcoming if schedule.status == ScheduleStatus.ACTIVE else None
    reason = ", ".join(sorted(set(changed) - {"next_run_at"}))
    writers = sorted({*schedule.written_by, str(by)})
    move(schedule, state_version=schedule.state_version + 1, updated_at=clock.now(), written_by=writers, **changed)
    tell(ScheduleChanged.about(schedule, reason=reason), by=by)


def pause(*, schedule: Schedule, reason: str, by: Actor) -> None:
    SCHEDULE.advance(schedule, to=ScheduleStatus.PAUSED, next_run_at=None, updated_at=clock.now())
    tell(SchedulePaused.about(schedule, reason=reason), by=by)


def resume(*, schedule: Schedule, reason: str, by: Actor) -> None:
    """From now on: what passed while it was paused is not made up for. 409 when the campaign is over."""
    check_open(schedule)
    check_campaign(schedule.campaign)
    upcoming = schedule_times.upcoming_or_refuse(schedule)
    SCHEDULE.advance(schedule, to=ScheduleStatus.ACTIVE, next_run_at=upcoming, updated_at=clock.now())
    tell(ScheduleResumed.about(schedule, reason=reason), by=by)


def end(*, schedule: Schedule, reason: str, by: Actor, drop_waiting: bool = True) -> None:
    """For good. Its open task goes on; a run that waits is dropped, unless the schedule merely came to its end."""
    at = clock.now()
    SCHEDULE.advance(schedule, to=ScheduleStatus.ENDED, next_run_at=None, ended_at=at, updated_at=at)
    tell(ScheduleEnded.about(schedule, reason=reason), by=by)
    if drop_waiting:
        drop(schedule=schedule, reason="schedule_ended", detail=reason, by=by)


def drop(*, schedule: Schedule, reason: str, detail: str = "", by: Actor) -> None:
    """The run that waits, if one does, makes nothing after all."""
    run = waiting(schedule)
    if run is None:
        return
    RUN.advance(run, to=RunStatus.SKIPPED, reason=reason[:64], detail=detail[:500])
    tell(ScheduleSkipped.about(schedule, fire_at=run.fire_at, reason=run.reason, detail=run.detail), by=by)


def move(schedule: Schedule, **changes: Any) -> None:
    """Write the changes of a schedule that is held; its version rises."""
    same = Schedule.objects.filter(pk=schedule.pk, version=schedule.version)
    if same.update(version=F("version") + 1, **changes) != 1:
        raise Stale("The schedule changed while you were at it; read it again.")
    for name, value in (changes | {"version": schedule.version + 1}).items():
        setattr(schedule, name, value)


def waiting(schedule: Schedule) -> ScheduleRun | None:
    return ScheduleRun.objects.filter(schedule=schedule, status=RunStatus.WAITING).first()


def check_campaign(campaign: Campaign) -> None:
    """409 when it is over."""
    if campaign.status in campaigns.OVER:
        raise conflict(
            f"The campaign is {campaign.status}; nothing runs in it any more.", code=f"campaign_{campaign.status}"
        )
