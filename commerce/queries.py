"""What can be asked about money. Every QuerySet here is bound to the tenant by row-level security."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from django.db.models import Case, DecimalField, F, Func, IntegerField, Q, QuerySet, Sum, Value, When

from chimera.kernel import ids
from chimera.kernel.errors import not_found
from chimera.kernel.partitions import ByTime
from commerce.periods import Period
from commerce.states import MONEY_COUNTED, MONEY_OPEN, IncreaseStatus, Keeper, MoneyStatus, Scope

CLOCK_SLACK = timedelta(minutes=1)  # two processes' clocks differ by less; a transaction is never older than its task


class BudgetQuerySet(QuerySet[Any]):
    def get_or_refuse(self, budget_id: UUID) -> Any:
        found = self.filter(pk=budget_id).first()
        if found is None:
            raise not_found("budget")
        return found

    def of_tasks(self) -> Self:
        return self.filter(scope=Scope.TASK)

    def applying_to(
        self, *, task_ids: Sequence[UUID], session_id: UUID, campaign_id: UUID | None, agent_id: UUID
    ) -> Self:
        """Every budget, active or not, whose scope holds a task; `task_ids` are its own and those above it."""
        applies = Q(scope=Scope.TENANT) | Q(scope=Scope.SESSION, scope_id=session_id)
        applies |= Q(scope=Scope.AGENT, scope_id=agent_id) | Q(scope=Scope.TASK, scope_id__in=task_ids)
        if campaign_id:
            applies |= Q(scope=Scope.CAMPAIGN, scope_id=campaign_id)
        return self.filter(applies).order_by("pk")


class IncreaseQuerySet(QuerySet[Any]):
    def acting(self, at: datetime) -> Self:
        """Those that count at `at`, which is not asked of a clock that may be late."""
        return self.filter(status=IncreaseStatus.ACTIVE, expires_at__gt=at)

    def due(self, at: datetime) -> Self:
        return self.filter(status=IncreaseStatus.ACTIVE, expires_at__lte=at)


class RulesQuerySet(QuerySet[Any]):
    def acting(self, budgets: Iterable[Any]) -> Self:
        """The version of each budget that acts."""
        return self.filter(budget_id__in=[budget.pk for budget in budgets], version=F("budget__rules_version"))


class SpendWindowQuerySet(QuerySet[Any]):
    def of(self, budget_ids: Iterable[UUID], periods: Sequence[Period]) -> Self:
        """The windows of these budgets in these periods, as far as they have been spent from."""
        within = Q()
        for period in periods:
            within |= (
                Q(kind=period.kind, starts_on=period.starts_on)
                if period.starts_on
                else Q(kind=period.kind, starts_on__isnull=True)
            )
        return self.filter(within, budget_id__in=list(budget_ids))

    def not_over(self, at: datetime) -> Self:
        """Windows that may still be spent from at `at` or later."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))


COUNTED_USD = Case(
    When(status=MoneyStatus.CAPTURED, then=F("captured_usd")),
    When(status__in=MONEY_OPEN, then=F("amount_usd")),
    default=Value(Decimal(0)),
    output_field=DecimalField(max_digits=20, decimal_places=6),
)


class TransactionQuerySet(ByTime):
    def get_or_refuse(self, transaction_id: UUID) -> Any:
        found = self.filter(pk=transaction_id).first()
        if found is None:
            raise not_found("transaction")
        return found

    def of_task(self, task_id: UUID) -> Self:
        """Bounded by the task's own id, which prunes the months before the task."""
        return self.so_far().filter(task_id=task_id, pk__gte=ids.first_of(ids.time_of(task_id) - CLOCK_SLACK))

    def of_tasks(self, task_ids: Collection[UUID]) -> Self:
        """The same for several; none for none."""
        if not task_ids:
            return self.none()
        first = min(ids.time_of(task_id) for task_id in task_ids)
        return self.so_far().filter(task_id__in=task_ids, pk__gte=ids.first_of(first - CLOCK_SLACK))

    def open(self) -> Self:
        return self.filter(status__in=MONEY_OPEN)

    def asked_of(self, budget: Any) -> Self:
        """What a budget was asked for, by the narrowest column that knows its scope. Bound the time as well.

        The ledger knows neither campaigns nor what is below a task: theirs are among the tenant's.
        """
        by = {Scope.SESSION: {"session_id": budget.scope_id}, Scope.AGENT: {"agent_id": budget.scope_id}}
        within = by.get(Scope(budget.scope), {"tenant_id": budget.tenant_id})
        return self.filter(budgets__contains=[budget.pk], **within)

    def counted(self) -> Self:
        """What is in the windows: not what was denied, or given back."""
        return self.filter(status__in=MONEY_COUNTED)

    def resume_due(self, at: datetime) -> Self:
        """Approved holds whose task nobody claimed in time."""
        return self.so_far().filter(keeper=Keeper.RESUME, resume_deadline__lte=at)

    def in_window(self, window_id: UUID) -> Self:
        """What was counted in it; bound the time as well, for no index knows."""
        return self.filter(windows__contains=[window_id])

    def by_hour(self, start: datetime) -> dict[int, tuple[Decimal, Decimal]]:
        """Captured, and held or in review, by the hours that have passed since `start`."""
        hour = Func(
            F("created_at") - Value(start),
            template="floor(extract(epoch FROM %(expressions)s) / 3600)::int",
            output_field=IntegerField(),
        )
        captured = Sum(COUNTED_USD, filter=Q(status=MoneyStatus.CAPTURED), default=Decimal(0))
        held = Sum(COUNTED_USD, filter=Q(status__in=MONEY_OPEN), default=Decimal(0))
        rows = self.order_by().annotate(hour=hour).values("hour").annotate(captured=captured, held=held)
        return {row["hour"]: (row["captured"], row["held"]) for row in rows}

    def spent(self) -> Decimal:
        """Held, in review and captured together, in US dollars."""
        total: Decimal | None = self.order_by().aggregate(total=Sum(COUNTED_USD))["total"]
        return total or Decimal(0)


class TransitionQuerySet(QuerySet[Any]):
    def of(self, transaction_id: UUID) -> Self:
        """A transaction's history, oldest first."""
        return self.filter(transaction_id=transaction_id).order_by("version")
