"""Review cards: one question to a person, about one task, decided once."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from safety.queries import CardQuerySet
from safety.quorum import one_reviewer
from safety.states import CARD, CARD_DECIDED_BY_PEOPLE, CardStatus


class CardKind(models.TextChoices):
    SPEND = "spend", "spend above the threshold"
    RESULT = "result", "result to look at"
    MANUAL = "manual", "task that waits for its start"
    JUDGE = "judge", "result that waits for its judge"
    ACTION = "action", "action to be executed"


class ReviewCard(Versioned, TenantOwned):
    """`task` has no constraint in the database: cards outlive the 90 days of tasks."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    session = models.ForeignKey("swarm.SwarmSession", on_delete=models.PROTECT, related_name="+")
    task = models.ForeignKey(  # found by `card_of_task`
        "swarm.Task", on_delete=models.DO_NOTHING, related_name="cards", db_constraint=False, db_index=False
    )
    agent_id = models.UUIDField(null=True, blank=True)  # whose work it is about; agents are never removed
    kind = models.CharField(max_length=16, choices=CardKind.choices)
    status = models.CharField(
        max_length=20, choices=[(s.value, s.value) for s in CardStatus], default=CardStatus.PENDING
    )
    headline = models.CharField(
        max_length=200, blank=True, default=""
    )  # what it is about, in words; stays when its task goes
    alike = models.CharField(max_length=160, blank=True, default="")  # equal for cards that ask the same kind of thing
    reasons = models.JSONField()  # [{code, detail, evidence?}]
    transaction_id = models.UUIDField(null=True, blank=True)
    result_id = models.UUIDField(null=True, blank=True)
    action_id = models.UUIDField(null=True, blank=True)
    quorum = models.JSONField(default=one_reviewer)  # [{approvers, roles}]: who must approve (safety.quorum)
    due_at = models.DateTimeField()
    steps = models.JSONField(default=list)  # what comes before that: [{at, do: remind | escalate, to?}], in their order
    acts_at = models.DateTimeField(default=clock.now)  # of the first of them, else `due_at`: when the clock looks at it
    # A role that may answer where reviewers are asked, since then.
    escalated_to = models.CharField(max_length=16, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    correlation_key = models.CharField(max_length=200, blank=True)  # of its agent's choice
    asked = models.CharField(max_length=64, blank=True)  # digest of what an approval lets happen, as it stands
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_early_at = models.DateTimeField(null=True, blank=True)  # when it was said, where that was before the card
    note = models.TextField(blank=True)
    edited_payload = models.JSONField(null=True, blank=True)
    changes = models.JSONField(null=True, blank=True)  # what that edits, and what stood there before (safety.diffs)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = CardQuerySet.as_manager()

    class Meta:
        verbose_name = "review"
        constraints = [
            CARD.constraint("card_status"),
            models.UniqueConstraint(
                fields=["task"], name="card_one_pending_per_task", condition=Q(status=CardStatus.PENDING)
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "correlation_key"],
                name="card_one_pending_per_key",
                condition=Q(status=CardStatus.PENDING) & ~Q(correlation_key=""),
            ),
            models.CheckConstraint(
                name="card_escalated_together",
                condition=Q(escalated_to="", escalated_at__isnull=True)
                | (~Q(escalated_to="") & Q(escalated_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="card_decided_together",
                condition=Q(
                    status__in=[CardStatus.APPROVED, CardStatus.REJECTED, CardStatus.CHANGES_REQUESTED],
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                )
                | Q(status__in=[CardStatus.EXPIRED, CardStatus.WITHDRAWN], decided_at__isnull=False)
                | Q(status=CardStatus.PENDING, decided_at__isnull=True, decided_by__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "due_at", "id"], name="card_waiting", condition=Q(status=CardStatus.PENDING)
            ),
            models.Index(fields=["acts_at"], name="card_acts", condition=Q(status=CardStatus.PENDING)),
            models.Index(fields=["task"], name="card_of_task"),
            models.Index(
                fields=["tenant_id", "correlation_key", "-id"], name="card_of_key", condition=~Q(correlation_key="")
            ),
            models.Index(
                fields=["agent_id", "decided_at"],
                name="card_decided_of_agent",
                condition=Q(status__in=CARD_DECIDED_BY_PEOPLE),
            ),
            models.Index(
                fields=["tenant_id", "alike", "-decided_at"],
                name="card_decided_alike",
                condition=Q(status__in=CARD_DECIDED_BY_PEOPLE),
            ),
        ]

    def __str__(self) -> str:
        about = f"“{self.headline[:60]}”" if self.headline else str(self.pk)[-6:]
        return f"{self.get_kind_display()} {about}"
