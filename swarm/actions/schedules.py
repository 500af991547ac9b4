"""Schedules: create, change, pause, resume, end, and write down what came of each time; firing is a flow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F

from chimera.kernel import advisory, clock, tenancy
from chimera.kernel.actors import Actor, ActorKind
from chimera.kernel.errors import Stale, conflict, forbidden, invalid
from chimera.kernel.eventlog import tell
from swarm import cron
from swarm.actions import campaigns
from swarm.events import (
    ScheduleChanged,
    ScheduleCreated,
    ScheduleEnded,
    SchedulePaused,
    ScheduleResumed,
    ScheduleSkipped,
)
from swarm.models import Schedule, ScheduleRun, Tenant
from swarm.models.schedule import TaskTemplate
from swarm.models.tenant import check_time_zone
from swarm.states import RUN, SCHEDULE, RunStatus, ScheduleStatus

MISSED_MAX = 50  # times that one catch-up writes down; more are told as "and more"
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
    _check_campaign(campaign)
    schedule = Schedule(
        campaign=campaign,
        name=new.name,
        cron=_checked(new.cron),
        time_zone=_zone(new.time_zone or _tenants_zone()),
        overlap=new.overlap,
        task=new.task.model_dump(mode="json"),
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        created_by=str(by),
    )
    upcoming = upcoming_or_refuse(schedule)
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


def change(*, schedule: Schedule, changes: Mapping[str, Any], expected_version: int | None, by: Actor) -> None:
    """Set some of its fields. One that says when (cron, time_zone, starts_at, ends_at) sets the next time anew, from now on."""
    if expected_version is not None and expected_version != schedule.state_version:
        raise Stale(
            f"The schedule is at state_version {schedule.state_version}; read it again.",
            state_version=schedule.state_version,
        )
    _check_open(schedule)
    said = dict(changes)
    if "cron" in said:
        said["cron"] = _checked(said["cron"])
    if "time_zone" in said:
        said["time_zone"] = _zone(said["time_zone"])
    if "task" in said:
        said["task"] = said["task"].model_dump(mode="json")
    changed = {name: value for name, value in said.items() if getattr(schedule, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(schedule, name, value)
    if _TIMING & set(changed):
        upcoming = upcoming_or_refuse(schedule)
        changed["next_run_at"] = upcoming if schedule.status == ScheduleStatus.ACTIVE else None
    reason = ", ".join(sorted(set(changed) - {"next_run_at"}))
    move(schedule, state_version=schedule.state_version + 1, updated_at=clock.now(), **changed)
    tell(ScheduleChanged.about(schedule, reason=reason), by=by)


def pause(*, schedule: Schedule, reason: str, by: Actor) -> None:
    SCHEDULE.advance(schedule, to=ScheduleStatus.PAUSED, next_run_at=None, updated_at=clock.now())
    tell(SchedulePaused.about(schedule, reason=reason), by=by)


def resume(*, schedule: Schedule, reason: str, by: Actor) -> None:
    """From now on: what passed while it was paused is not made up for. 409 when the campaign is over."""
    _check_open(schedule)
    _check_campaign(schedule.campaign)
    upcoming = upcoming_or_refuse(schedule)
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


@dataclass(frozen=True, slots=True)
class Due:
    """The latest time that has come, the first of those before it, and the next one to come."""

    fire_at: datetime
    missed: Sequence[datetime]
    more: bool  # missed ones beyond those
    next_run_at: datetime | None


def due(schedule: Schedule, at: datetime) -> Due | None:
    """None when nothing has come. After a long absence it looks some thirty times, not at each time that passed."""
    first = schedule.next_run_at
    if schedule.status != ScheduleStatus.ACTIVE or first is None or first > at:
        return None
    until = min(at, schedule.ends_at) if schedule.ends_at else at
    latest = cron.latest_until(schedule.cron, schedule.time_zone, first=first, until=max(first, until))
    missed: list[datetime] = []
    passed: datetime | None = first
    while passed is not None and passed < latest and len(missed) < MISSED_MAX:
        missed.append(passed)
        passed = cron.next_after(schedule.cron, schedule.time_zone, passed)
    more = passed is not None and passed < latest
    return Due(latest, missed, more, upcoming(schedule, after=at))


def upcoming(schedule: Schedule, *, after: datetime) -> datetime | None:
    """Its first time later than `after`, within starts_at and ends_at; None when there is none."""
    if schedule.starts_at and schedule.starts_at > after:
        after = schedule.starts_at - timedelta(microseconds=1)  # a time at that very moment counts
    found = cron.next_after(schedule.cron, schedule.time_zone, after)
    return None if found is None or (schedule.ends_at and found > schedule.ends_at) else found


def upcoming_or_refuse(schedule: Schedule) -> datetime:
    if schedule.starts_at and schedule.ends_at and schedule.starts_at >= schedule.ends_at:
        raise invalid("`ends_at` must be later than `starts_at`.", field_name="ends_at")
    found = upcoming(schedule, after=clock.now())
    if found is None:
        raise invalid(
            "No time of `cron` comes before `ends_at`; set `ends_at` later, or to null.",
            field_name="ends_at",
            code="never_runs",
        )
    return found


def _check_open(schedule: Schedule) -> None:
    if schedule.status == ScheduleStatus.ENDED:
        raise conflict("This schedule has ended; create another one.", code="schedule_ended")


def _check_campaign(campaign: Any) -> None:
    if campaign.status in campaigns.OVER:
        raise conflict(
            f"The campaign is {campaign.status}; nothing runs in it any more.", code=f"campaign_{campaign.status}"
        )


def _checked(expression: str) -> str:
    try:
        return cron.checked(expression)
    except cron.BadCron as bad:
        raise invalid(str(bad), field_name="cron", code="invalid_cron") from None


def _zone(name: str) -> str:
    try:
        check_time_zone(name)
    except ValidationError as error:
        raise invalid(error.messages[0], field_name="time_zone", code="unknown_time_zone") from None
    return name


def _tenants_zone() -> str:
    zone: str = Tenant.objects.values_list("time_zone", flat=True).get(pk=tenancy.current())
    return zone
