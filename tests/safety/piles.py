"""Piles of waiting cards: manual tasks, each with a card that asks one reviewer; or bare rows, for races among many."""

from datetime import timedelta
from uuid import UUID

from chimera.kernel import clock, ids
from safety.models import CardKind, ReviewCard
from swarm.models import Task
from tests.cast import Stage


def pile(acme: Stage, number: int, *, session: str | None = None) -> list[str]:
    """Ids of cards, due first first."""
    session = session or acme.session()["id"]
    body = {"session": session, "type": "write", "input_payload": {}, "execution_mode": "manual"}
    tasks = [body | {"description": f"Paint hut {n}"} for n in range(1, number + 1)]
    made = acme.pia.post("tasks/batch", {"tasks": tasks}).ok(201)["tasks"]
    with acme.bound():
        cards = dict(ReviewCard.objects.filter(task_id__in=[t["id"] for t in made]).values_list("task_id", "pk"))
        for place, task in enumerate(made):
            due = clock.now() + timedelta(hours=2, minutes=place)
            ReviewCard.objects.filter(pk=cards[UUID(task["id"])]).update(due_at=due)
    return [str(cards[UUID(task["id"])]) for task in made]


def rows(acme: Stage, number: int) -> set[UUID]:
    """The same as bare rows of one session."""
    session = UUID(acme.session()["id"])
    with acme.bound():
        tasks = [
            Task(session_id=session, type="write", status="blocked", created_by="system:chimera", queued_at=clock.now())
            for _ in range(number)
        ]
        Task.objects.bulk_create(tasks)
        cards = [
            ReviewCard(
                id=ids.uuid7(),
                session_id=session,
                task_id=task.pk,
                kind=CardKind.MANUAL,
                reasons=[{"code": "manual", "detail": "It is to run only when a person starts it."}],
                due_at=clock.now() + timedelta(hours=4),
            )
            for task in tasks
        ]
        ReviewCard.objects.bulk_create(cards)
    return {card.pk for card in cards}
