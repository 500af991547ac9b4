"""What can be asked about cards, early decisions, actions, policies and notifications."""

from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet

from chimera.kernel import ids
from chimera.kernel.errors import not_found
from chimera.kernel.partitions import CLOCK_SLACK, ByTime
from safety.states import (
    ACTION_OPEN,
    CARD_DECIDED_BY_PEOPLE,
    ActionStatus,
    CardStatus,
    DeliveryStatus,
    EarlyStatus,
    PolicyStatus,
    TargetStatus,
)

DUE_SOON = timedelta(hours=1)


class CardQuerySet(QuerySet[Any]):
    def get_or_refuse(self, card_id: UUID) -> Any:
        found = self.filter(pk=card_id).first()
        if found is None:
            raise not_found("review")
        return found

    def waiting(self) -> Self:
        """Pending and for people, oldest due first: the reviewers' queue. A card of a judge comes when the judge passes it on."""
        return self.filter(status=CardStatus.PENDING).exclude(kind="judge").order_by("due_at", "pk")

    def held_by(self, person_id: int, at: datetime) -> Self:
        """Waiting ones at which this person says to be."""
        return self.waiting().filter(claimed_by_id=person_id, claim_expires_at__gt=at)

    def free(self, at: datetime) -> Self:
        """Waiting ones that nobody is at."""
        return self.waiting().filter(Q(claim_expires_at__isnull=True) | Q(claim_expires_at__lte=at))

    def due_soon(self, at: datetime) -> Self:
        """Waiting ones that are overdue, or will be within DUE_SOON."""
        return self.waiting().filter(due_at__lte=at + DUE_SOON)

    def at_judge(self) -> Self:
        """What waits for its judge's score before a person is asked."""
        return self.filter(status=CardStatus.PENDING, kind="judge").order_by("due_at", "pk")

    def over(self) -> Self:
        """Decided by people, or ended without them, newest first."""
        return self.exclude(status=CardStatus.PENDING).order_by("-pk")

    def unseen_by(self, person_id: int) -> Self:
        """Waiting ones that this person has not opened."""
        return self.waiting().exclude(seen__person_id=person_id)

    def about(self, words: str) -> Self:
        """Those in whose headline or session's name each of these words is, as the console's search has it."""
        rows = self
        for word in words.split():
            rows = rows.filter(Q(headline__icontains=word) | Q(session__name__icontains=word))
        return rows

    def because_of(self, code: str) -> Self:
        return self.filter(reasons__contains=[{"code": code}])

    def after(self, card: Any) -> Self:
        """Those behind it in the order of the queue."""
        return self.filter(Q(due_at__gt=card.due_at) | Q(due_at=card.due_at, pk__gt=card.pk))

    def decided_alike(self, alike: str) -> Self:
        """What people decided about the same kind of thing, newest first; nothing for a card that is alike to none."""
        found = self.filter(alike=alike, status__in=CARD_DECIDED_BY_PEOPLE).order_by("-decided_at")
        return found if alike else found.none()

    def overdue(self, at: datetime) -> Self:
        return self.filter(status=CardStatus.PENDING, acts_at__lte=at, due_at__lte=at)

    def stepping(self, at: datetime) -> Self:
        """Those of which a reminder or the escalation is due, and not yet the end."""
        return self.filter(status=CardStatus.PENDING, acts_at__lte=at, due_at__gt=at)

    def decided_of(self, agent_id: UUID, since: datetime) -> Self:
        """What people decided about the work of an agent."""
        return self.filter(agent_id=agent_id, status__in=CARD_DECIDED_BY_PEOPLE, decided_at__gte=since)

    def trusted(self) -> tuple[int, int]:
        """How many were approved as they were, and how many were decided."""
        approved = Count("pk", filter=Q(status=CardStatus.APPROVED, edited_payload__isnull=True))
        found = self.order_by().aggregate(approved=approved, decided=Count("pk"))
        return found["approved"], found["decided"]


class EarlyQuerySet(QuerySet[Any]):
    def get_or_refuse(self, early_id: UUID) -> Any:
        found = self.filter(pk=early_id).first()
        if found is None:
            raise not_found("early decision")
        return found

    def waiting(self, at: datetime) -> Self:
        """What may still be used."""
        return self.filter(status=EarlyStatus.WAITING, expires_at__gt=at)

    def over(self, at: datetime) -> Self:
        """What waits in vain, and has not been told so."""
        return self.filter(status=EarlyStatus.WAITING, expires_at__lte=at)


class ActionQuerySet(ByTime):
    def get_or_refuse(self, action_id: UUID) -> Any:
        found = self.filter(pk=action_id).first()
        if found is None:
            raise not_found("action")
        return found

    def of_task(self, task_id: UUID) -> Self:
        """Bounded by the task's own id, which prunes the months before the task."""
        return self.so_far().filter(task_id=task_id, pk__gte=ids.first_of(ids.time_of(task_id) - CLOCK_SLACK))

    def about(self, words: str) -> Self:
        """Those whose tool or payee begins so, as the console's search has it."""
        return self.filter(Q(tool__istartswith=words) | Q(payee__istartswith=words))

    def of_agent(self, agent_id: UUID) -> Self:
        """What an agent may read: what it proposed or was given to execute, and all of the tasks that it works on."""
        works_on = Q(task__status="running", task__agent_id=agent_id)
        return self.filter(Q(agent_id=agent_id) | Q(executed_by=agent_id) | works_on)

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


class TargetQuerySet(QuerySet[Any]):
    def get_or_refuse(self, target_id: UUID) -> Any:
        found = self.filter(pk=target_id).first()
        if found is None:
            raise not_found("notification target")
        return found

    def kept(self) -> Self:
        return self.exclude(status=TargetStatus.REMOVED)


class DeliveryQuerySet(QuerySet[Any]):
    def get_or_refuse(self, delivery_id: UUID) -> Any:
        found = self.filter(pk=delivery_id).first()
        if found is None:
            raise not_found("delivery")
        return found

    def due(self, at: datetime) -> Self:
        """To be sent now, or to be dropped with its target. What is being sent is due again when whoever sends it has died."""
        rows = self.filter(status=DeliveryStatus.PENDING, next_attempt_at__lte=at)
        return rows.exclude(target__status=TargetStatus.PAUSED).order_by("next_attempt_at", "pk")
