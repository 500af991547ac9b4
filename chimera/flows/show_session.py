"""A session with what other apps know of it: what it has spent, which budgets are its own, how many cards wait. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Count

from chimera.flows.show_usage import Usage, show_usage
from commerce.models import BudgetConfig, Transaction
from commerce.states import Scope
from safety.models import ReviewCard
from swarm.models import SwarmSession, Task


@dataclass(frozen=True, slots=True)
class SessionPage:
    spent_usd: Decimal  # held, in review and captured
    waiting_cards: int
    usage: list[Usage]  # of its own budgets


def show_session(session: SwarmSession) -> SessionPage:
    own = BudgetConfig.objects.filter(scope=Scope.SESSION, scope_id=session.pk).order_by("pk")
    return SessionPage(
        spent_usd=Transaction.objects.filter(session_id=session.pk).spent(),
        waiting_cards=ReviewCard.objects.waiting().filter(session=session).count(),
        usage=show_usage(list(own)),
    )


def count_tasks(session_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Tasks by status for each of these sessions, in one query."""
    counted = Task.objects.filter(session_id__in=session_ids).order_by().values("session_id", "status")
    found: dict[UUID, dict[str, int]] = {session_id: {} for session_id in session_ids}
    for row in counted.annotate(number=Count("pk")):
        found[row["session_id"]][row["status"]] = row["number"]
    return found
