"""Cards whose time runs out: reminders and the escalation, before `expire_cards` ends them. The clock's step, one transaction per card.

Locks: the task, then the card, as a decision does; so its facts are told in their order.
Dies anywhere: nothing was done or told of this card, and the clock comes by again; or both, and then nothing is left of that step.
"""

from uuid import UUID

from chimera.kernel import clock, tenancy
from chimera.kernel.sweep import one_by_one
from safety import actions as safety
from safety.models import ReviewCard
from swarm.actions import tasks

AT_ONCE_MAX = 200  # cards of one sweep


def remind_cards() -> int:
    with tenancy.system():
        rows = ReviewCard.objects.stepping(clock.now()).order_by("acts_at")
        found = list(rows.values_list("tenant_id", "task_id", "pk")[:AT_ONCE_MAX])
    return one_by_one(found, remind_card)


def remind_card(task_id: UUID, card_id: UUID) -> None:
    tasks.lock(task_id)
    safety.take_steps(safety.lock(card_id))
