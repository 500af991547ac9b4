"""Temporary increases: more than a budget's limit allows, for a while."""

from django.db import models
from django.db.models import F, Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from commerce.models.budget import BudgetConfig
from commerce.models.money import MOST, usd
from commerce.queries import IncreaseQuerySet
from commerce.states import INCREASE, IncreaseStatus, WindowKind


class LimitIncrease(Versioned, TenantOwned):
    """`amount_usd` on top of one limit of a budget, from its creation until `expires_at`; several add up.

    What counts is the row and the time: one that has expired counts for nothing, though its status may say so late.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    budget = models.ForeignKey(  # found by `increase_of_budget`
        BudgetConfig, on_delete=models.PROTECT, db_index=False, related_name="increases"
    )
    kind = models.CharField(max_length=11, choices=[(k.value, k.value) for k in WindowKind])
    amount_usd = usd()
    reason = models.CharField(max_length=500)
    status = models.CharField(
        max_length=8, choices=[(s.value, s.value) for s in IncreaseStatus], default=IncreaseStatus.ACTIVE.value
    )
    granted_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=120, blank=True, editable=False)

    objects = IncreaseQuerySet.as_manager()

    class Meta:
        verbose_name = "increase"
        constraints = [
            INCREASE.constraint("increase_status"),
            models.CheckConstraint(name="increase_kind", condition=Q(kind__in=[k.value for k in WindowKind])),
            models.CheckConstraint(name="increase_amount", condition=Q(amount_usd__gt=0, amount_usd__lte=MOST)),
            models.CheckConstraint(name="increase_lasts", condition=Q(expires_at__gt=F("created_at"))),
            models.CheckConstraint(name="increase_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="increase_ended_unless_active",
                condition=Q(status=IncreaseStatus.ACTIVE.value, ended_at__isnull=True, ended_by="")
                | (~Q(status=IncreaseStatus.ACTIVE.value) & Q(ended_at__isnull=False) & ~Q(ended_by="")),
            ),
        ]
        indexes = [
            models.Index(fields=["budget", "-id"], name="increase_of_budget"),
            models.Index(fields=["expires_at"], name="increase_due", condition=Q(status=IncreaseStatus.ACTIVE.value)),
        ]

    def __str__(self) -> str:
        return f"increase {str(self.id)[-6:]}"
