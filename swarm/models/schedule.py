"""Schedules: a campaign's tasks by the clock, and what came of each time."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from pydantic import BaseModel, ConfigDict

from chimera.kernel import clock, ids
from chimera.kernel.identity import Role
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from swarm.models.campaign import Campaign, SwarmSession
from swarm.models.task import Task
from swarm.models.tenant import check_time_zone
from swarm.queries import ScheduleQuerySet
from swarm.states import RUN, SCHEDULE, RunStatus, ScheduleStatus


class Overlap(models.TextChoices):
    """What a run does when the task of the run before it is still open."""

    SKIP = "skip", "leaves this time out"
    QUEUE = "queue", "waits until it has ended, one at most"
    REPLACE = "replace", "cancels it"


class TaskTemplate(BaseModel):
    """The task of each run, as `Schedule.task` keeps it: what a new task says, apart from what can be said only once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    input_payload: dict[str, Any]
    role: str = Role.WORKER.value
    requires: tuple[str, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = {}
    priority: int = 50
    max_attempts: int = 3
    timeout_seconds: int | None = None
    deadline_seconds: int | None = None  # after its creation; a task by itself has a fixed `deadline_at`
    risk_tier: int = 2
    execution_mode: str = "auto"
    concurrency_key: str = ""
    judged: bool = False

    def deadline(self, created_at: datetime) -> datetime | None:
        return None if self.deadline_seconds is None else created_at + timedelta(seconds=self.deadline_seconds)


class Schedule(Versioned, TenantOwned):
    """`version` rises with each run and each change, `state_version` with changes alone (for If-Match)."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="schedules")
    name = models.CharField(max_length=200)
    cron = models.CharField(max_length=100)
    time_zone = models.CharField(max_length=64, validators=[check_time_zone])
    overlap = models.CharField(max_length=8, choices=Overlap.choices)
    task = models.JSONField()  # a TaskTemplate
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in ScheduleStatus], default=ScheduleStatus.ACTIVE
    )
    state_version = models.PositiveIntegerField(default=1, editable=False)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Its runs' own; another one is made when this has ended.
    session = models.ForeignKey(SwarmSession, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # Of its latest run that made one.
    current_task = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    created_by = models.CharField(max_length=120, editable=False)
    # Its creator and each who changed it, whatever of it and whoever came after.
    written_by = ArrayField(models.CharField(max_length=120), default=list, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        constraints = [
            SCHEDULE.constraint("schedule_status"),
            models.CheckConstraint(condition=Q(overlap__in=Overlap.values), name="schedule_overlap"),
            models.CheckConstraint(
                name="schedule_next_iff_active",
                condition=Q(status=ScheduleStatus.ACTIVE, next_run_at__isnull=False)
                | (~Q(status=ScheduleStatus.ACTIVE) & Q(next_run_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="schedule_end_iff_ended",
                condition=Q(status=ScheduleStatus.ENDED, ended_at__isnull=False)
                | (~Q(status=ScheduleStatus.ENDED) & Q(ended_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="schedule_span",
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(starts_at__lt=F("ends_at")),
            ),
        ]
        indexes = [
            models.Index(fields=["next_run_at"], name="schedule_due", condition=Q(status=ScheduleStatus.ACTIVE)),
            models.Index(fields=["tenant_id", "-id"], name="schedule_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def template(self) -> TaskTemplate:
        return TaskTemplate.model_validate(self.task)


class ScheduleRun(Versioned, TenantOwned):
    """One time of a schedule and what came of it. One row per time: whoever comes second cannot write it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="runs", db_index=False)
    fire_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=[(s.value, s.value) for s in RunStatus])
    reason = models.CharField(max_length=64, blank=True)  # why nothing came of it, as a code
    detail = models.CharField(max_length=500, blank=True)
    task = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    asked_by = models.CharField(max_length=120, blank=True)  # who ran it out of its turn
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            RUN.constraint("schedule_run_status"),
            models.UniqueConstraint(fields=["schedule", "fire_at"], name="schedule_run_once"),
            models.UniqueConstraint(
                fields=["schedule"], name="schedule_run_waits_alone", condition=Q(status=RunStatus.WAITING)
            ),
            models.CheckConstraint(
                name="schedule_run_task_iff_made",
                condition=Q(status__in=[RunStatus.CREATED, RunStatus.REPLACED], task__isnull=False)
                | (~Q(status__in=[RunStatus.CREATED, RunStatus.REPLACED]) & Q(task__isnull=True)),
            ),
        ]
        indexes = [models.Index(fields=["schedule", "-id"], name="schedule_run_newest")]

    def __str__(self) -> str:
        return f"{self.fire_at:%Y-%m-%d %H:%M} {self.status}"
