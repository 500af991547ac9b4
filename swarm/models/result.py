"""What agents hand in. Partitioned by the task's id, so that (task, lease token) can be unique."""

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.partitions import ByTime
from chimera.kernel.tenancy import TenantOwned
from swarm.models.agent import AgentProfile
from swarm.models.task import Task


class ResultStatus(models.TextChoices):
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class TaskResult(TenantOwned):
    """One attempt's result, kept whether or not it was applied. `outcome` is what the agent was answered.

    Found by its task, and so by the primary key, as artifacts and progress are: no other index is written.
    """

    pk = models.CompositePrimaryKey("task_id", "lease_token")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="results", db_index=False)
    lease_token = models.UUIDField(editable=False)
    id = models.UUIDField(default=ids.uuid7, editable=False)
    agent = models.ForeignKey(AgentProfile, on_delete=models.PROTECT, related_name="+", db_index=False)
    attempt = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, choices=ResultStatus.choices)
    output_payload = models.JSONField(null=True)
    original_payload = models.JSONField(null=True)  # what the agent said, where a reviewer approved an edited output
    error = models.JSONField(null=True)
    confidence_score = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    judge_score = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    reasoning = models.TextField(blank=True)
    evidence = models.JSONField(default=list)
    metrics = models.JSONField(default=dict)
    outcome = models.CharField(max_length=16)
    review_id = models.UUIDField(null=True)
    applied = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = ByTime.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="result_output_or_error",
                condition=Q(status="succeeded", error__isnull=True)
                | Q(status="failed", output_payload__isnull=True, error__isnull=False),
            ),
            models.CheckConstraint(
                name="result_score",
                condition=Q(confidence_score__isnull=True) | Q(confidence_score__gte=0, confidence_score__lte=1),
            ),
            models.CheckConstraint(
                name="result_judge_score",
                condition=Q(judge_score__isnull=True) | Q(judge_score__gte=0, judge_score__lte=1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} result of {self.task_id}"


class TaskArtifact(TenantOwned):
    """A typed piece of a result: JSON content or an address, never both."""

    pk = models.CompositePrimaryKey("task_id", "id")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="artifacts", db_index=False)
    id = models.UUIDField(default=ids.uuid7, editable=False)
    result_id = models.UUIDField()
    type = models.CharField(max_length=50)
    content = models.JSONField(null=True)
    uri = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="artifact_content_or_uri",
                condition=Q(content__isnull=False, uri="") | (Q(content__isnull=True) & ~Q(uri="")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} of {self.task_id}"


class TaskProgress(TenantOwned):
    """Append-only progress, flushed from Redis every few seconds and on completion."""

    pk = models.CompositePrimaryKey("task_id", "id")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="progress_rows", db_index=False)
    id = models.UUIDField(default=ids.uuid7, editable=False)
    phase = models.CharField(max_length=100)
    percentage = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    message = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="progress_percentage",
                condition=Q(percentage__isnull=True) | Q(percentage__gte=0, percentage__lte=100),
            )
        ]

    def __str__(self) -> str:
        return f"{self.phase} {self.percentage or ''}"
