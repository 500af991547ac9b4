"""What can be asked about cards."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import QuerySet

from chimera.kernel.errors import not_found
from safety.states import CardStatus


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
