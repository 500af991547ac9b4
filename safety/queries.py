"""What can be asked about cards, actions and policies."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet

from chimera.kernel import ids
from chimera.kernel.errors import not_found
from chimera.kernel.partitions import CLOCK_SLACK, ByTime
from safety.states import ACTION_OPEN, CARD_DECIDED_BY_PEOPLE, ActionStatus, CardStatus, PolicyStatus


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

    def decided_of(self, agent_id: UUID, since: datetime) -> Self:
        """What people decided about the work of an agent."""
        return self.filter(agent_id=agent_id, status__in=CARD_DECIDED_BY_PEOPLE, decided_at__gte=since)

    def trusted(self) -> tuple[int, int]:
        """How many were approved as they were, and how many were decided."""
        approved = Count("pk", filter=Q(status=CardStatus.APPROVED, edited_payload__isnull=True))
        found = self.order_by().aggregate(approved=approved, decided=Count("pk"))
        return found["approved"], found["decided"]


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


class PolicyQuerySet(QuerySet[Any]):
    def get_or_refuse(self, policy_id: UUID) -> Any:
        found = self.filter(pk=policy_id).first()
        if found is None:
            raise not_found("policy")
        return found

    def asked(self) -> Self:
        """Those that decide, or say what they would."""
        return self.exclude(status=PolicyStatus.OFF).order_by("name", "pk")


class ShadowQuerySet(QuerySet[Any]):
    def stopping(self, since: datetime) -> Self:
        """What passed and would not have."""
        return self.filter(pk__gte=ids.first_of(since), was="allow").exclude(would_be="allow")
