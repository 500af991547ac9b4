"""Everything that a reviewer wants to know about one card, on one page. Reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.flows import requesters
from chimera.flows.show_history import Told, history_of_task
from chimera.flows.show_reviews import Standing, show_reviews, standings_of
from chimera.flows.show_usage import Usage, show_usage
from commerce.models import BudgetConfig, Transaction
from safety.models import Action, ReviewCard
from safety.states import CardStatus
from swarm.models import Task, TaskResult


@dataclass(frozen=True, slots=True)
class CardPage:
    task: Task | None  # None when it went after its 90 days
    result: dict[str, Any] | None  # as in the API's review
    action: Action | None
    memories: list[dict[str, Any]]  # frozen when they were used
    attempts: list[TaskResult]  # the earlier ones
    spends: list[Transaction]
    usage: list[Usage]  # of every budget that the task's spends asked
    history: list[Told]
    standing: Standing  # of its approvals
    barred: dict[int, str]  # while it waits: who may not approve it, and why


def show_card(card: ReviewCard) -> CardPage:
    shape = show_reviews([card])[0]
    spends = spends_of(card.task_id)
    results = TaskResult.objects.filter(task_id=card.task_id).select_related("agent").order_by("-id")
    return CardPage(
        task=Task.objects.select_related("session__campaign", "agent").filter(pk=card.task_id).first(),
        result=shape["result"],
        action=Action.objects.filter(pk=card.action_id).first() if card.action_id else None,
        memories=shape["memories"],
        attempts=[row for row in results if row.id != card.result_id],
        spends=spends,
        usage=usage_of(spends),
        history=history_of_task(card.task_id, card.session_id),
        standing=standings_of([card])[card.pk],
        barred=requesters.barred([card]).get(card.pk, {}) if card.status == CardStatus.PENDING else {},
    )


def spends_of(task_id: UUID) -> list[Transaction]:
    return list(Transaction.objects.of_task(task_id).order_by("-pk"))


def usage_of(spends: Sequence[Transaction]) -> list[Usage]:
    """Of the budgets that these spends asked; the deciding ones of the newest first."""
    asked = list(dict.fromkeys(budget for row in spends for budget in row.budgets))
    found = {row.pk: row for row in BudgetConfig.objects.filter(pk__in=asked)}
    return show_usage([found[pk] for pk in asked if pk in found])


def tasks_of(task_ids: Iterable[UUID]) -> dict[UUID, Task]:
    """The tasks that are still there, in one query. A join would drop the rows of those that are gone."""
    return {row.pk: row for row in Task.objects.filter(pk__in=set(task_ids)).defer("input_payload", "metadata")}
