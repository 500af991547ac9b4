"""Cards nobody decided in time fail closed: the task fails, the money is released. A judge's card goes to people first.

One transaction per card. Locks: the task with its judge's, if one is at it still, by id; then the card, windows, transactions.
Dies anywhere: the clock comes by again.
"""

from uuid import UUID

from chimera.flows import judge_results
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.sweep import one_by_one
from commerce import actions as commerce
from safety import actions as safety
from safety.models import CardKind, ReviewCard
from safety.states import CardStatus
from swarm.actions import tasks
from swarm.states import TaskStatus

AT_ONCE_MAX = 200  # cards of one sweep


def expire_cards() -> int:
    with tenancy.system():
        due = list(
            ReviewCard.objects.overdue(clock.now())
            .order_by("due_at")
            .values_list("tenant_id", "task_id", "pk")[:AT_ONCE_MAX]
        )
    return one_by_one(due, expire_card)


def expire_card(task_id: UUID, card_id: UUID) -> None:
    locked = {t.pk: t for t in tasks.lock_all([task_id, *judge_results.open_judges(task_id)])}
    task = locked.pop(task_id)
    card = safety.lock(card_id)
    if card.status != CardStatus.PENDING or card.due_at > clock.now():
        return
    if card.kind == CardKind.JUDGE:
        reason = {"code": "judge_late", "detail": "Its judge did not score it in time; a person decides."}
        safety.pass_to_people(card=card, reasons=[reason], by=SYSTEM)
        return
    safety.expire(card=card)
    judge_results.dismiss(list(locked.values()), "nobody decided in time", SYSTEM)
    commerce.deny_review(task_id=task.pk, card_id=card.pk, reason="nobody decided in time", by=SYSTEM)
    if task.status == TaskStatus.BLOCKED:
        tasks.fail(
            task=task, code="review_expired", message="Nobody decided its review in time; it fails closed.", by=SYSTEM
        )
