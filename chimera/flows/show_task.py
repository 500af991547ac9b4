"""A task with what other apps know of it: its money, its cards, what was told, what its agents were shown of memory. Reads only."""

from dataclasses import dataclass
from typing import Any

from chimera.flows.show_card import spends_of
from chimera.flows.show_history import Told, history_of_task
from commerce.models import Transaction
from memory import queries as memory
from safety.models import ReviewCard
from swarm.models import Task


@dataclass(frozen=True, slots=True)
class TaskPage:
    spends: list[Transaction]  # newest first
    cards: list[ReviewCard]  # newest first
    history: list[Told]
    memories: list[dict[str, Any]]  # frozen when its agents were shown them, with what became of them


def show_task(task: Task) -> TaskPage:
    """In about six queries."""
    cards = ReviewCard.objects.filter(task_id=task.pk).select_related("decided_by").order_by("-pk")
    history = history_of_task(task.pk, task.session_id)
    return TaskPage(spends_of(task.pk), list(cards), history, memory.frozen_and_since(task.pk))
