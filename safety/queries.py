"""What can be asked about cards and actions."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import F, Q, QuerySet

from chimera.kernel import ids
from chimera.kernel.errors import not_found
from chimera.kernel.partitions import CLOCK_SLACK, ByTime
from safety.states import ACTION_OPEN, ActionStatus, CardStatus


class CardQuerySet(QuerySet[Any]):
    def get_or_refuse(self, card_id: UUID) -> Any:
        found = self.filter(pk=card_id).first()
        if found is None:
            raise not_found("review")
        return found

    def waiting(self) -> Self:
        """Pending and for people, oldest due first: the reviewers' queue. A card of a judge comes when the judge passes it on."""
        return self.filter(status=CardStatus.PENDING).exclude(kind="judge").order_by("due_at", "pk")

    def overdue(self, at: datetime) -> Self:
        return self.filter(status=CardStatus.PENDING, due_at__lte=at)


class ActionQuerySet(ByTime):
    def get_or_refuse(self, action_id: UUID) -> Any:
        found = self.filter(pk=action_id).first()
        if found is None:
            raise not_found("action")
        return found

    def of_task(self, task_id: UUID) -> Self:
        """Bounded by the task's own id, which prunes the months before the task."""
        return self.so_far().filter(task_id=task_id, pk__gte=ids.first_of(ids.time_of(task_id) - CLOCK_SLACK))

    def open(self) -> Self:
        return self.filter(status__in=ACTION_OPEN)

    def over(self, at: datetime) -> Self:
        """Open ones that cannot go on: their lease, their card or their time is over."""
        allowed = Q(status=ActionStatus.ALLOWED)
        leased = Q(task__status="running", task__lease_token=F("lease_token"))
        ended = Q(task__status__in=["completed", "failed", "cancelled"])
        return (
            self.so_far()
            .open()
            .filter(
                (allowed & Q(lease_token__isnull=False) & ~leased)
                | (allowed & (Q(resume_deadline__lte=at) | ended))
                | (Q(status=ActionStatus.REVIEW) & ~Q(task__status="blocked"))
                | Q(status=ActionStatus.EXECUTING, execution_deadline__lte=at)
            )
        )
