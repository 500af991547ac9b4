"""Run schedules: each time that has come makes a task, waits, or is left out, once, whoever looks and how often.

Locks: the schedule by name; then, where a task is made, the campaign if it needs a session, that session, and for
`replace` the task before it (a judge's with the one it judges), its card, windows, transactions.
Dies anywhere: all of one schedule's turn or nothing; the clock comes by again, and the time is still due.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from pydantic import ValidationError

from chimera.flows import judge_results
from chimera.flows.cancel_task import cancel_task
from chimera.flows.create_tasks import create_tasks
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused, conflict
from chimera.kernel.eventlog import Recorded
from chimera.kernel.sweep import every_one, one_by_one
from swarm.actions import campaigns, planning, schedule_runs, schedule_times, schedules, sessions, tasks
from swarm.actions.creating import NewTask
from swarm.models import Schedule, ScheduleRun, SwarmSession, Task
from swarm.models.schedule import Overlap
from swarm.states import SESSION_OPEN, TASK_OPEN, RunStatus, ScheduleStatus

AT_ONCE_MAX = 100  # schedules of one step; the rest are due a second later


def run_schedules() -> int:
    """The clock's step: waiting runs whose way is free, then what is due, longest first. Answers how many it looked after."""
    with tenancy.system():
        free = list(Schedule.objects.with_free_way().order_by("pk").values_list("tenant_id", "pk")[:AT_ONCE_MAX])
        due = Schedule.objects.due(clock.now()).order_by("next_run_at").values_list("tenant_id", "pk")
        found = list(due[:AT_ONCE_MAX])
    return one_by_one(free, let_go) + one_by_one(found, fire_due)


def let_go(schedule_id: UUID) -> None:
    """Make the task of the run that waits, unless what it waits for is still open after all."""
    schedule = schedules.hold(schedule_id)
    if schedule.status != ScheduleStatus.PAUSED and not schedule_runs.closed(schedule):
        _let_go(schedule, by=planning.itself(schedule))


def fire_due(schedule_id: UUID) -> None:
    """What has come of it; nothing when somebody else was first. The latest time runs, those before it were missed."""
    schedule = schedules.hold(schedule_id)
    by = planning.itself(schedule)
    due = schedule_times.due(schedule, clock.now())
    if due is None:
        return
    if schedule.campaign.status in campaigns.OVER:
        schedules.end(schedule=schedule, reason=f"its campaign is {schedule.campaign.status}", by=by)
        return
    way = _way(schedule, by)
    schedule_runs.miss(schedule=schedule, due=due, by=by)
    way.take(fire_at=due.fire_at, asked_by=None)
    if due.next_run_at is None:
        schedules.end(schedule=schedule, reason="its last time has come", drop_waiting=False, by=by)
    else:
        schedules.move(schedule, next_run_at=due.next_run_at)


def run_now(*, schedule_id: UUID, by: Actor) -> ScheduleRun:
    """Out of its turn, under the same rule of overlap; what is due remains so. 409 when it or its campaign is over."""
    schedule = schedules.hold(schedule_id)
    schedules.check_planner(schedule, by)
    schedules.check_open(schedule)
    schedules.check_campaign(schedule.campaign)
    return _way(schedule, by).take(fire_at=clock.now(), asked_by=by)


def end_with_campaign(event: Recorded) -> None:
    """Reaction to CampaignEnded: its schedules end. One that fires before that finds the campaign over, and ends too."""
    campaign_id = UUID(event.payload["aggregate_id"])
    with tenancy.bound(event.tenant_id):
        theirs = Schedule.objects.filter(campaign_id=campaign_id).exclude(status=ScheduleStatus.ENDED)
        late = Schedule.objects.filter(campaign_id=campaign_id, runs__status=RunStatus.WAITING)
        ids = theirs.union(late).values_list("pk", flat=True)
        found = [(event.tenant_id, schedule_id) for schedule_id in sorted(ids)]
    every_one(found, partial(_end, reason=f"its campaign is {event.payload['status']}"))


def _end(schedule_id: UUID, *, reason: str) -> None:
    schedule = schedules.hold(schedule_id)
    if schedule.status == ScheduleStatus.ENDED:
        schedules.drop(schedule=schedule, reason="schedule_ended", detail=reason, by=planning.itself(schedule))
    else:
        schedules.end(schedule=schedule, reason=reason, by=planning.itself(schedule))


class _Way:
    """What a run comes to, decided under every lock that it needs; `take` then writes it."""

    def __init__(self, schedule: Schedule, by: Actor) -> None:
        self.schedule, self.by = schedule, by
        self.skipped = ""  # why nothing is made
        self.waits = False
        self.session: SwarmSession | None = None
        self.replaces: Task | None = None

    def take(self, *, fire_at: datetime, asked_by: Actor | None) -> ScheduleRun:
        time = schedule_runs.Time(self.schedule, fire_at, asked_by)
        if self.waits:
            return schedule_runs.wait(time=time, by=self.by)
        if self.session is None:
            return schedule_runs.skip(time=time, reason=self.skipped, by=self.by)
        try:
            with transaction.atomic():
                task = self._make(self.session, fire_at)
        except Refused as refusal:  # The time is used up all the same, or it would be tried every second.
            return schedule_runs.skip(time=time, reason=refusal.code, detail=refusal.detail, by=self.by)
        return schedule_runs.make(time=time, task=task, replaced=self.replaces, by=self.by)

    def _make(self, session: SwarmSession, fire_at: datetime) -> Task:
        if self.replaces:
            reason = f"replaced by the run of {fire_at:%Y-%m-%d %H:%M} UTC of schedule {self.schedule.name}"
            cancel_task(task_id=self.replaces.pk, reason=reason, by=self.by)
        return _create(self.schedule, session, fire_at, self.by)


def _way(schedule: Schedule, by: Actor) -> _Way:
    way = _Way(schedule, by)
    way.skipped = schedule_runs.closed(schedule)
    if way.skipped:
        return way
    if schedule.overlap == Overlap.REPLACE:
        way.session = _session(schedule, by)
        way.replaces = _locked_if_open(schedule.current_task_id)
        schedules.drop(schedule=schedule, reason=schedule_runs.OVERLAP, by=by)  # of a time when the rule was `queue`
        return way
    _let_go(schedule, by=by)
    if not _is_open(schedule.current_task_id):
        way.session = _session(schedule, by)
    elif schedule.overlap == Overlap.QUEUE and not schedules.waiting(schedule):
        way.waits = True
    else:
        way.skipped = schedule_runs.OVERLAP
    return way


def _let_go(schedule: Schedule, *, by: Actor) -> None:
    run = schedules.waiting(schedule)
    if run is None or _is_open(schedule.current_task_id):
        return
    session = _session(schedule, by)
    try:
        with transaction.atomic():
            task = _create(schedule, session, run.fire_at, by)
    except Refused as refusal:
        schedules.drop(schedule=schedule, reason=refusal.code, detail=refusal.detail, by=by)
    else:
        schedule_runs.go_on(schedule=schedule, run=run, task=task, by=by)


def _session(schedule: Schedule, by: Actor) -> SwarmSession:
    """The schedule's own session, kept open for us; another one when it has none, or that has ended."""
    session = schedule.session
    if session is None or session.status not in SESSION_OPEN:
        session = sessions.create(campaign_id=schedule.campaign_id, name=schedule.name, context={}, by=by)
        schedules.move(schedule, session_id=session.pk)
    return sessions.lock_for_tasks(session.pk, by=by)


def _is_open(task_id: UUID | None) -> bool:
    return task_id is not None and Task.objects.filter(pk=task_id, status__in=TASK_OPEN).exists()


def _locked_if_open(task_id: UUID | None) -> Task | None:
    """The task before, locked together with what a cancel locks; None when it has ended or is archived."""
    seen = Task.objects.filter(pk=task_id).first() if task_id else None
    if seen is None:
        return None
    locked = {task.pk: task for task in tasks.lock_all(judge_results.together(seen))}
    return locked[seen.pk] if locked[seen.pk].status in TASK_OPEN else None


def _create(schedule: Schedule, session: SwarmSession, fire_at: datetime, by: Actor) -> Task:
    try:
        template = schedule.template
    except ValidationError as error:  # It was stored by another version of us.
        raise conflict(
            f"Its task does not fit any more; change it. {error.errors()[0]['msg']}", code="unfit_task"
        ) from None
    said = template.model_dump(exclude={"deadline_seconds"})
    said["metadata"] = {**template.metadata, "schedule": {"id": str(schedule.pk), "fire_at": fire_at.isoformat()}}
    new = NewTask(session_id=session.pk, deadline_at=template.deadline(clock.now()), **said)
    (task,) = create_tasks(new=[new], by=by)
    return task
