"""A task with what other apps know of it: its money, its cards, what was told. Reads only."""

from dataclasses import dataclass

from chimera.flows.show_card import spends_of
from chimera.flows.show_history import Told, history_of_task
from commerce.models import Transaction
from safety.models import ReviewCard
from swarm.models import Task


@dataclass(frozen=True, slots=True)
class TaskPage:
    spends: list[Transaction]  # newest first
    cards: list[ReviewCard]  # newest first
    history: list[Told]


def show_task(task: Task) -> TaskPage:
    """In about five queries."""
    cards = ReviewCard.objects.filter(task_id=task.pk).select_related("decided_by").order_by("-pk")
    return TaskPage(spends_of(task.pk), list(cards), history_of_task(task.pk, task.session_id))
