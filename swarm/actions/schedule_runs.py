"""What came of each time of a schedule: a task, a wait, or nothing, and why. The flow that fires holds the schedule."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from chimera.kernel import clock, ids
from chimera.kernel.actors import Actor
from chimera.kernel.eventlog import tell
from swarm.actions import schedule_times, schedules
from swarm.events import ScheduleFired, ScheduleMissed, ScheduleQueued, ScheduleSkipped
from swarm.models import Schedule, ScheduleRun, Task
from swarm.states import RUN, CampaignStatus, RunStatus, SessionStatus

OVERLAP = "overlap"
SWEPT_MAX = 5_000  # rows that one statement deletes: well under a second


@dataclass(frozen=True, slots=True)
class Time:
    """A time of a schedule that is held; `asked_by` somebody who ran it out of its turn."""

    schedule: Schedule
    fire_at: datetime
    asked_by: Actor | None


def closed(schedule: Schedule) -> str:
    """Why nothing may be made now: its campaign or session is paused; "" when it may."""
    if schedule.campaign.status == CampaignStatus.PAUSED:
        return "campaign_paused"
    if schedule.session and schedule.session.status == SessionStatus.PAUSED:
        return "session_paused"
    return ""


def make(*, time: Time, task: Task, replaced: Task | None, by: Actor) -> ScheduleRun:
    """It made a task; the run of the task that it replaced says so."""
    schedules.move(time.schedule, current_task_id=task.pk)
    before = ScheduleRun.objects.filter(schedule=time.schedule, task=replaced, status=RunStatus.CREATED)
    if replaced and (run := before.first()):
        RUN.advance(run, to=RunStatus.REPLACED)
    made = _write(time, RunStatus.CREATED, task=task)
    _tell_fired(time.schedule, made, replaced, by)
    return made


def go_on(*, schedule: Schedule, run: ScheduleRun, task: Task, by: Actor) -> None:
    """The waiting run made its task."""
    schedules.move(schedule, current_task_id=task.pk)
    RUN.advance(run, to=RunStatus.CREATED, task_id=task.pk)
    _tell_fired(schedule, run, None, by)


def wait(*, time: Time, by: Actor) -> ScheduleRun:
    """It waits for the task before it to end."""
    schedules.move(time.schedule)
    run = _write(time, RunStatus.WAITING)
    tell(ScheduleQueued.about(time.schedule, fire_at=time.fire_at), by=by)
    return run


def skip(*, time: Time, reason: str, detail: str = "", by: Actor) -> ScheduleRun:
    """Nothing is made, and that is told."""
    schedules.move(time.schedule)
    run = _write(time, RunStatus.SKIPPED, reason=reason[:64], detail=detail[:500])
    tell(ScheduleSkipped.about(time.schedule, fire_at=time.fire_at, reason=run.reason, detail=run.detail), by=by)
    return run


def miss(*, schedule: Schedule, due: schedule_times.Due, by: Actor) -> None:
    """Write down the times that passed while nobody looked; one fact for all of them."""
    if not due.missed:
        return
    rows = [ScheduleRun(schedule=schedule, fire_at=at, status=RunStatus.MISSED) for at in due.missed]
    if due.more:
        rows[-1].detail = f"and those after it, until the run of {due.fire_at:%Y-%m-%d %H:%M} UTC"
    ScheduleRun.objects.bulk_create(rows)
    schedules.move(schedule)
    tell(ScheduleMissed.about(schedule, first=due.missed[0], number=len(rows), more=due.more), by=by)


def _write(time: Time, status: RunStatus, **more: Any) -> ScheduleRun:
    asked_by = str(time.asked_by) if time.asked_by else ""
    return ScheduleRun.objects.create(
        schedule=time.schedule, fire_at=time.fire_at, status=status, asked_by=asked_by, **more
    )


def _tell_fired(schedule: Schedule, run: ScheduleRun, replaced: Task | None, by: Actor) -> None:
    tell(
        ScheduleFired.about(
            schedule, task_id=run.task_id, fire_at=run.fire_at, replaced=replaced.pk if replaced else None
        ),
        by=by,
    )


_SWEEP = """
    DELETE FROM swarm_schedulerun WHERE id IN (
        SELECT old.id FROM swarm_schedule s CROSS JOIN LATERAL (
            SELECT id FROM swarm_schedulerun
            WHERE schedule_id = s.id AND status <> 'waiting' AND id < %(before)s AND id < (
                SELECT id FROM swarm_schedulerun WHERE schedule_id = s.id ORDER BY id DESC OFFSET %(newest)s - 1 LIMIT 1
            ) ORDER BY id DESC
        ) old LIMIT %(most)s
    )
"""


def sweep() -> int:
    """Delete one slice of what came of times long ago; a schedule's newest stay, and a run that waits.

    Runs as chimera_system; answers how many. Facts that were told about them stay in the log.
    """
    before = ids.first_of(clock.now() - settings.SCHEDULE_RUNS_KEPT)
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, {"before": before, "newest": settings.SCHEDULE_RUNS_KEPT_LEAST, "most": SWEPT_MAX})
        return int(cursor.rowcount)
