"""Budgets: what may be spent, by whom, over which time."""

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from commerce.limits import WARNED_PERCENT
from commerce.models.money import not_negative, usd, usd_or_none
from commerce.periods import KINDS
from commerce.queries import BudgetQuerySet, SpendWindowQuerySet
from commerce.states import Currency, Scope, WindowKind

LIMITS = ("per_transaction_usd", "day_usd", "month_usd", "total_usd", "approval_threshold_usd")


class BudgetConfig(Versioned, TenantOwned):
    """Limits for everything inside a scope. A limit of null is no limit; several budgets may apply, and all
    must permit.

    A carved one was made with its task, by whoever made that: a part of what is above it, and no leave to spend.
    Its days and months are those of the tenant's time zone. Above `approval_threshold_usd` a person decides.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    scope = models.CharField(max_length=8, choices=[(s.value, s.value) for s in Scope])
    scope_id = models.UUIDField(null=True, blank=True)
    currency = models.CharField(
        max_length=3, choices=[(c.value, c.value) for c in Currency], default=Currency.USD.value
    )
    is_active = models.BooleanField(default=True)
    per_transaction_usd = usd_or_none(blank=True)
    day_usd = usd_or_none(blank=True)
    month_usd = usd_or_none(blank=True)
    total_usd = usd_or_none(blank=True)
    approval_threshold_usd = usd_or_none(blank=True)
    raised_until = models.DateTimeField(null=True, editable=False)  # no increase of its limits acts later than this
    is_carved = models.BooleanField(default=False, editable=False)  # by whoever made its task: it only narrows
    rules_version = models.PositiveIntegerField(default=0, editable=False)  # of the BudgetRules that act; 0: none
    created_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        verbose_name = "budget"
        constraints = [
            models.CheckConstraint(name="budget_scope", condition=Q(scope__in=[s.value for s in Scope])),
            models.CheckConstraint(
                name="budget_scope_id",
                condition=Q(scope=Scope.TENANT.value, scope_id__isnull=True)
                | (~Q(scope=Scope.TENANT.value) & Q(scope_id__isnull=False)),
            ),
            models.CheckConstraint(name="budget_currency", condition=Q(currency__in=[c.value for c in Currency])),
            models.CheckConstraint(
                name="budget_carved_for_a_task",
                condition=Q(is_carved=False)
                | Q(scope=Scope.TASK.value, total_usd__isnull=False, currency=Currency.USD.value),
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "scope_id"], condition=Q(is_carved=True), name="budget_carved_once"
            ),
            models.CheckConstraint(name="budget_limits", condition=not_negative(*LIMITS)),
        ]
        indexes = [models.Index(fields=["tenant_id", "scope", "scope_id"], name="budget_by_scope")]

    def __str__(self) -> str:
        return f"{self.scope} budget {str(self.id)[-6:]}"


class SpendWindow(TenantOwned):
    """What is held and captured of one budget over one day, month or in total.

    `limit_usd` is the budget's own with its increases, copied, so that one UPDATE can judge; it is changed with
    them, in the same transaction. From `limit_until` on it stands no more, and whoever decides reads it anew. A limit
    may be lowered below what was spent before: then nothing more passes.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    budget = models.ForeignKey(BudgetConfig, on_delete=models.PROTECT, related_name="windows", db_index=False)
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in KINDS])
    starts_on = models.DateField(null=True)  # in the tenant's calendar; null for the total
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    limit_usd = usd_or_none()
    limit_until = models.DateTimeField(null=True)  # when the first of the increases in it ends
    warned_percent = models.PositiveSmallIntegerField(default=0)  # the highest threshold told of this limit
    held_usd = usd(default=0)
    captured_usd = usd(default=0)

    objects = SpendWindowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["budget", "kind", "starts_on"], nulls_distinct=False, name="window_once"),
            models.CheckConstraint(name="window_kind", condition=Q(kind__in=[k.value for k in KINDS])),
            models.CheckConstraint(
                name="window_bounds_unless_total",
                condition=Q(
                    kind=WindowKind.TOTAL.value,
                    starts_on__isnull=True,
                    starts_at__isnull=True,
                    ends_at__isnull=True,
                )
                | (
                    ~Q(kind=WindowKind.TOTAL.value)
                    & Q(
                        starts_on__isnull=False,
                        starts_at__isnull=False,
                        ends_at__isnull=False,
                        ends_at__gt=models.F("starts_at"),
                    )
                ),
            ),
            models.CheckConstraint(name="window_warned", condition=Q(warned_percent__in=[0, *WARNED_PERCENT])),
            models.CheckConstraint(
                name="window_amounts", condition=not_negative("limit_usd", "held_usd", "captured_usd")
            ),
        ]
        indexes = [models.Index(fields=["ends_at"], name="window_open_days", condition=Q(kind=WindowKind.DAY.value))]

    def __str__(self) -> str:
        return f"{self.kind} {self.starts_on or ''}".strip()
