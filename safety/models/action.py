"""Actions: what an agent wants to do to the world, what was decided of it, and what came of it."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.http.parsing import money_text
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from safety import digests
from safety.queries import ActionQuerySet
from safety.states import ACTION, ACTION_BEGUN, ACTION_OPEN, ActionStatus

OPEN = [status.value for status in ACTION_OPEN]
BEGUN = [status.value for status in ACTION_BEGUN]


class Action(Versioned, TenantOwned):
    """Partitioned by the month of its id, and kept when its task goes: it says who let what happen.

    `digest` binds a decision to all of `document`. An allowed one is for the lease `lease_token`, or waits for its task's next
    claim until `resume_deadline`.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    task = models.ForeignKey(
        "swarm.Task", on_delete=models.DO_NOTHING, related_name="actions", db_constraint=False, db_index=False
    )
    session = models.ForeignKey("swarm.SwarmSession", on_delete=models.PROTECT, related_name="+", db_index=False)
    agent = models.ForeignKey("swarm.AgentProfile", on_delete=models.PROTECT, related_name="+", db_index=False)
    tool = models.CharField(max_length=120)
    arguments = models.JSONField(default=dict)
    original_arguments = models.JSONField(null=True)  # what the agent said, where a reviewer approved edited ones
    amount_usd = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    asset_symbol = models.CharField(max_length=16, blank=True)
    payee = models.CharField(max_length=200, blank=True)
    category = models.CharField(max_length=80, blank=True)
    purpose = models.CharField(max_length=200, blank=True)  # for people; not bound
    asked = models.CharField(max_length=64)  # digest of what its agent said: equal words are the same question

    status = models.CharField(max_length=9, choices=[(s.value, s.value) for s in ActionStatus])
    digest = models.CharField(max_length=64)
    goal = models.JSONField()  # versions of session and campaign: [3, 1], [3, null]
    policies = models.JSONField(default=list)  # that were asked: [{policy, version}]
    ruled = models.CharField(max_length=6, default="allow")  # what they said: allow, review, deny
    evidence = models.JSONField(default=list)  # what the task's agents had been shown of memory: [{id, version}]
    transaction_id = models.UUIDField(null=True)  # the money: held, in review or denied
    review_id = models.UUIDField(null=True)  # the card that decides it, or decided
    reasons = models.JSONField(default=list)  # [{code, detail, …}]: why it was not simply allowed
    replaces = models.UUIDField(null=True)  # the action whose approval it did not match

    lease_token = models.UUIDField(null=True)
    resume_deadline = models.DateTimeField(null=True)
    token_digest = models.BinaryField(max_length=32, null=True)  # of the execution token, which is given once
    executed_by = models.UUIDField(
        null=True
    )  # the agent that was given it; another than `agent` where the task passed on
    executed_at = models.DateTimeField(null=True)
    execution_deadline = models.DateTimeField(null=True)
    output = models.JSONField(null=True)
    cost_usd = models.DecimalField(max_digits=20, decimal_places=6, null=True)  # as its agent said
    ended_at = models.DateTimeField(null=True)
    ended_reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = ActionQuerySet.as_manager()

    class Meta:
        constraints = [
            ACTION.constraint("action_status"),
            models.CheckConstraint(name="action_amount", condition=Q(amount_usd__isnull=True) | Q(amount_usd__gt=0)),
            models.CheckConstraint(name="action_cost", condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0)),
            models.CheckConstraint(
                name="action_allowed_to_a_lease",
                condition=Q(status=ActionStatus.ALLOWED, lease_token__isnull=False, resume_deadline__isnull=True)
                | Q(status=ActionStatus.ALLOWED, lease_token__isnull=True, resume_deadline__isnull=False)
                | (~Q(status=ActionStatus.ALLOWED) & Q(lease_token__isnull=True, resume_deadline__isnull=True)),
            ),
            models.CheckConstraint(
                name="action_review_has_a_card",
                condition=~Q(status=ActionStatus.REVIEW) | Q(review_id__isnull=False),
            ),
            models.CheckConstraint(
                name="action_token_iff_begun",
                condition=Q(
                    status__in=BEGUN, token_digest__isnull=False, executed_at__isnull=False, executed_by__isnull=False
                )
                | (
                    ~Q(status__in=BEGUN)
                    & Q(token_digest__isnull=True, executed_at__isnull=True, executed_by__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="action_deadline_iff_executing",
                condition=Q(status=ActionStatus.EXECUTING, execution_deadline__isnull=False)
                | (~Q(status=ActionStatus.EXECUTING) & Q(execution_deadline__isnull=True)),
            ),
            models.CheckConstraint(
                name="action_ended_iff_not_open",
                condition=Q(status__in=OPEN, ended_at__isnull=True) | (~Q(status__in=OPEN) & Q(ended_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["task", "-id"], name="action_of_task"),
            models.Index(fields=["session", "-id"], name="action_of_session"),
            models.Index(fields=["tenant_id", "-id"], name="action_newest"),
            models.Index(fields=["id"], name="action_open", condition=Q(status__in=OPEN)),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {str(self.pk)[-6:]}"

    def document(self, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        """All that a decision is bound to; with other arguments, what it would be with those."""
        return {
            "action": {
                "id": str(self.pk),
                "task": str(self.task_id),
                "tool": self.tool,
                "arguments": self.arguments if arguments is None else arguments,
                "payee": self.payee,
                "category": self.category,
                "asset_symbol": self.asset_symbol,
            },
            "amount_usd": amount_text(self.amount_usd),
            "hold": str(self.transaction_id) if self.transaction_id else None,
            "goal": self.goal,
            "policies": self.policies,
            "evidence": self.evidence,
        }

    def digest_with(self, arguments: dict[str, Any] | None = None) -> str:
        return digests.digest(self.document(arguments))


def amount_text(amount: Decimal | None) -> str | None:
    return None if amount is None else money_text(amount)
