"""The ledger: one row for every spend that was asked for, also for each that was refused."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from commerce.models.money import MOST, usd, usd_or_none
from commerce.queries import TransactionQuerySet
from commerce.states import MONEY, MONEY_COUNTED, MONEY_OPEN, Keeper, MoneyStatus

OPEN = [status.value for status in MONEY_OPEN]
COUNTED = [status.value for status in MONEY_COUNTED]


class Transaction(Versioned, TenantOwned):
    """Partitioned by the month of its id, and kept for good: tasks may go before it, hence no constraint on
    the task.

    An open one (held, in review) has exactly one keeper, and is counted as held in each of `windows`; it
    belongs to the windows of the moment it was asked for, whenever it is settled. A hold kept by a lease ends
    with the task's lease. One of an action is captured out of the keeping of its execution, and in no other way.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    task = models.ForeignKey(  # found by `transaction_of_task`
        "swarm.Task", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="transactions"
    )
    session_id = models.UUIDField()
    agent_id = models.UUIDField()
    status = models.CharField(max_length=8, choices=[(s.value, s.value) for s in MoneyStatus])
    amount_usd = usd()
    captured_usd = usd_or_none()
    asset_symbol = models.CharField(max_length=16)
    payee = models.CharField(max_length=200, blank=True)
    category = models.CharField(max_length=80, blank=True)
    purpose = models.CharField(max_length=200, blank=True, default="")  # what for, in the agent's own words
    metadata = models.JSONField(default=dict, blank=True)

    # What a lease has cost so far, by its own word: the hold grows with it. Above what was captured it was counted nowhere.
    metered_usd = usd_or_none()
    metered_lease = models.UUIDField(null=True, editable=False)

    keeper = models.CharField(max_length=6, null=True, choices=[(k.value, k.value) for k in Keeper])
    lease_token = models.UUIDField(null=True)
    resume_deadline = models.DateTimeField(null=True)
    review = models.UUIDField(null=True)  # the card that keeps it, or kept it last
    approval_key = models.CharField(max_length=64)  # digest of task, amount, payee, asset and category
    approved_by_review = models.UUIDField(
        null=True
    )  # the card that let it go on: an equal request gets this hold again
    action = models.UUIDField(null=True, editable=False)  # that it is for, and whose outcome settles it
    denied_code = models.CharField(max_length=32, blank=True)
    denied_reason = models.CharField(max_length=500, blank=True)

    budgets = ArrayField(models.UUIDField(), default=list)  # every one that was asked, the deciding one first
    windows = ArrayField(
        models.UUIDField(), default=list
    )  # where it is or was counted; empty when it was refused at once
    created_at = models.DateTimeField(default=clock.now, editable=False)
    settled_at = models.DateTimeField(null=True)
    changed_by = models.CharField(
        max_length=120, default="", editable=False
    )  # who made it what it is: for its transitions

    objects = TransactionQuerySet.as_manager()

    class Meta:
        constraints = [
            MONEY.constraint("transaction_status"),
            models.CheckConstraint(name="transaction_amount", condition=Q(amount_usd__gt=0, amount_usd__lte=MOST)),
            models.CheckConstraint(
                name="transaction_captured_iff_captured",
                condition=Q(status=MoneyStatus.CAPTURED.value, captured_usd__isnull=False)
                | (~Q(status=MoneyStatus.CAPTURED.value) & Q(captured_usd__isnull=True)),
            ),
            models.CheckConstraint(
                name="transaction_captured_within_hold",
                condition=Q(captured_usd__isnull=True) | Q(captured_usd__gt=0, captured_usd__lte=F("amount_usd")),
            ),
            models.CheckConstraint(
                name="transaction_metered_by_a_lease",
                condition=Q(metered_usd__isnull=True, metered_lease__isnull=True)
                | Q(metered_usd__isnull=False, metered_usd__gte=0, metered_lease__isnull=False),
            ),
            models.CheckConstraint(
                name="transaction_metered_within_hold",
                condition=~Q(status__in=OPEN) | Q(metered_usd__isnull=True) | Q(metered_usd__lte=F("amount_usd")),
            ),
            models.CheckConstraint(
                name="transaction_keeper_iff_open",
                condition=Q(
                    status__in=OPEN,
                    keeper__isnull=False,
                    keeper__in=[k.value for k in Keeper],
                    settled_at__isnull=True,
                )
                | (~Q(status__in=OPEN) & Q(keeper__isnull=True, settled_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="transaction_review_with_card",
                condition=~Q(status=MoneyStatus.REVIEW.value) | Q(keeper=Keeper.CARD.value),
            ),
            models.CheckConstraint(
                name="transaction_card_is_named",
                condition=~Q(keeper=Keeper.CARD.value) | Q(review__isnull=False),
            ),
            models.CheckConstraint(
                name="transaction_token_iff_lease",
                condition=Q(keeper=Keeper.LEASE.value, keeper__isnull=False, lease_token__isnull=False)
                | (~Q(keeper=Keeper.LEASE.value) & Q(lease_token__isnull=True)),
            ),
            models.CheckConstraint(
                name="transaction_deadline_iff_resume",
                condition=Q(keeper=Keeper.RESUME.value, keeper__isnull=False, resume_deadline__isnull=False)
                | ((Q(keeper__isnull=True) | ~Q(keeper=Keeper.RESUME.value)) & Q(resume_deadline__isnull=True)),
            ),
            models.CheckConstraint(
                name="transaction_kept_by_its_action",
                condition=Q(keeper__isnull=True)
                | ~Q(keeper=Keeper.ACTION.value)
                | Q(status=MoneyStatus.HELD.value, action__isnull=False),
            ),
            models.CheckConstraint(
                name="transaction_reason_iff_denied",
                condition=(Q(status=MoneyStatus.DENIED.value) & ~Q(denied_code="") & ~Q(denied_reason=""))
                | (~Q(status=MoneyStatus.DENIED.value) & Q(denied_code="", denied_reason="")),
            ),
        ]
        indexes = [
            models.Index(fields=["task", "-id"], name="transaction_of_task"),
            models.Index(fields=["session_id", "-id"], name="transaction_of_session"),
            models.Index(fields=["tenant_id", "-id"], name="transaction_newest"),
            models.Index(fields=["tenant_id", "status", "-id"], name="transaction_by_status"),
            # What velocity counts, of a whole tenant and of one agent; what was denied or given back is not in them.
            models.Index(fields=["tenant_id", "id"], name="transaction_pace", condition=Q(status__in=COUNTED)),
            models.Index(fields=["agent_id", "id"], name="transaction_agents_pace", condition=Q(status__in=COUNTED)),
            BrinIndex(fields=["settled_at"], name="transaction_settled", autosummarize=True),  # settled where it grows
            models.Index(
                fields=["resume_deadline"],
                name="transaction_resume_due",
                condition=Q(keeper=Keeper.RESUME.value),
            ),
            # Every spend asks whether its task has one; few tasks have, and some have thousands of other rows.
            models.Index(
                fields=["task", "id"],
                name="transaction_approved",
                condition=Q(approved_by_review__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_usd:.2f} {self.asset_symbol} {self.status}"
