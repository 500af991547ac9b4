"""Tasks: partitioned by the month of their id, leased to one agent at a time."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.identity import AGENT_ROLES, Role
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from swarm.models.agent import AgentProfile
from swarm.models.campaign import SwarmSession
from swarm.queries import TaskQuerySet
from swarm.states import TASK, TASK_OPEN, TASK_WAITING, TaskStatus

BANDS = {"high": (67, 100), "normal": (34, 66), "low": (0, 33)}  # lowest and highest priority of each (docs/adr)


class ExecutionMode(models.TextChoices):
    AUTO = "auto", "runs by itself"
    MANUAL = "manual", "waits for a person before its first claim"
    DRY_RUN = "dry_run", "never spends, never executes"


class Task(Versioned, TenantOwned):
    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    session = models.ForeignKey(SwarmSession, on_delete=models.PROTECT, related_name="tasks", db_index=False)
    agent = models.ForeignKey(
        AgentProfile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="tasks",
        db_index=False,  # `task_of_agent` has those that it runs; of the others nobody asks
    )
    parent_task = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        db_constraint=False,
        db_index=False,  # `task_children` has those that have one
    )
    type = models.CharField(max_length=80)
    role = models.CharField(
        max_length=16, default=Role.WORKER, choices=[(r.value, r.value) for r in sorted(AGENT_ROLES)]
    )
    requires = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    description = models.TextField(blank=True)
    input_payload = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict, blank=True)
    external_id = models.CharField(max_length=200, null=True, blank=True)
    concurrency_key = models.CharField(max_length=200, blank=True)
    priority = models.PositiveSmallIntegerField(default=50)
    risk_tier = models.PositiveSmallIntegerField(default=2)
    execution_mode = models.CharField(max_length=8, choices=ExecutionMode.choices, default=ExecutionMode.AUTO)
    judged = models.BooleanField(default=False)  # its result waits for a judge's score
    # What it and those below it may spend at most, carved out of what is above it: a budget says and keeps it.
    budget_usd = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)

    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in TaskStatus], default=TaskStatus.PENDING
    )
    blocked_reason = models.CharField(max_length=200, blank=True)
    error = models.JSONField(null=True, blank=True)  # {code, message, retryable}: why the last attempt did not pass
    attempt_count = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    timeout_seconds = models.PositiveIntegerField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)

    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    claimed_session_version = models.PositiveIntegerField(null=True, editable=False)
    claimed_campaign_version = models.PositiveIntegerField(null=True, editable=False)
    resume = models.JSONField(
        null=True, blank=True, editable=False
    )  # {review, note}: the next claim goes on after a decision

    created_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    queued_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)

    acting_stop: str | None  # not of this table: read where it counts (`swarm.actions.houses`)

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints = [
            TASK.constraint("task_status"),
            models.CheckConstraint(
                name="task_lease_iff_running",
                condition=Q(
                    status=TaskStatus.RUNNING,
                    lease_token__isnull=False,
                    lease_expires_at__isnull=False,
                    agent__isnull=False,
                )
                | (~Q(status=TaskStatus.RUNNING) & Q(lease_token__isnull=True, lease_expires_at__isnull=True)),
            ),
            models.CheckConstraint(name="task_priority", condition=Q(priority__lte=100)),
            models.CheckConstraint(name="task_risk_tier", condition=Q(risk_tier__gte=1, risk_tier__lte=3)),
            models.CheckConstraint(
                name="task_budget", condition=Q(budget_usd__isnull=True) | Q(budget_usd__gte=0, budget_usd__lte=10**13)
            ),
            models.CheckConstraint(name="task_attempts", condition=Q(max_attempts__gte=1, max_attempts__lte=20)),
            models.CheckConstraint(
                name="task_end_iff_ended",
                condition=Q(
                    status__in=[TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED],
                    completed_at__isnull=False,
                )
                | Q(
                    status__in=[TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.BLOCKED],
                    completed_at__isnull=True,
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["session", "-id"], name="task_session"),
            models.Index(
                fields=["tenant_id", "role", "-priority", "id"],
                name="task_queued",
                condition=Q(status=TaskStatus.QUEUED),
            ),
            models.Index(
                fields=["tenant_id", "role", "type", "-priority", "id"],
                name="task_queued_type",
                condition=Q(status=TaskStatus.QUEUED),
            ),
            models.Index(
                fields=["tenant_id", "role", "-priority", "id"],
                name="task_queued_able",
                condition=Q(status=TaskStatus.QUEUED) & ~Q(requires=[]),
            ),
            models.Index(fields=["session", "id"], name="task_open", condition=Q(status__in=TASK_OPEN)),
            models.Index(
                fields=["deadline_at"],
                name="task_deadline",
                condition=Q(status__in=TASK_WAITING, deadline_at__isnull=False),
            ),
            models.Index(fields=["tenant_id", "id"], name="task_pending", condition=Q(status=TaskStatus.PENDING)),
            models.Index(
                fields=["tenant_id", "not_before"],
                name="task_timed",
                condition=Q(status=TaskStatus.PENDING, not_before__isnull=False),
            ),
            models.Index(fields=["lease_expires_at"], name="task_running", condition=Q(status=TaskStatus.RUNNING)),
            models.Index(fields=["tenant_id", "agent"], name="task_of_agent", condition=Q(status=TaskStatus.RUNNING)),
            models.Index(
                fields=["tenant_id", "concurrency_key"],
                name="task_running_key",
                condition=Q(status=TaskStatus.RUNNING) & ~Q(concurrency_key=""),
            ),
            models.Index(
                fields=["tenant_id", "concurrency_key", "-priority", "id"],
                name="task_queued_key",
                condition=Q(status=TaskStatus.QUEUED) & ~Q(concurrency_key=""),
            ),
            models.Index(fields=["parent_task"], name="task_children", condition=Q(parent_task__isnull=False)),
            models.Index(  # for lists of them; the others have indexes of their own, whose place it must not take
                fields=["tenant_id", "status", "-id"],
                name="task_by_status",
                condition=~Q(status__in=[TaskStatus.PENDING, TaskStatus.RUNNING]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {str(self.id)[-6:]}"

    @property
    def priority_band(self) -> str:
        return next(band for band, (lowest, highest) in BANDS.items() if lowest <= self.priority <= highest)


class TaskDependency(TenantOwned):
    """`task` waits until `depends_on` has completed."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    task = models.ForeignKey(  # found by `dependency_once`
        Task, on_delete=models.CASCADE, related_name="dependencies", db_constraint=False, db_index=False
    )
    depends_on = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="dependents", db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "depends_on"], name="dependency_once"),
            models.CheckConstraint(name="dependency_not_itself", condition=~Q(task=models.F("depends_on"))),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} after {self.depends_on_id}"


class ExternalId(TenantOwned):
    """A caller's own id of a task, once per tenant; a side table, because a partitioned table cannot promise that."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    value = models.CharField(max_length=200)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+", db_constraint=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "value"], name="external_id_once")]

    def __str__(self) -> str:
        return self.value
