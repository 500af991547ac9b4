"""While a card waits: reminders, each once, and the role to which it goes before its time is over. Under the card's lock."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import Role
from safety import quorum
from safety.events import ReviewDue, ReviewEscalated
from safety.models import ReviewCard
from safety.policies import Due
from safety.states import CardStatus


class Step(StrEnum):
    REMIND = "remind"
    ESCALATE = "escalate"


def timing(due: Due | None, *, quietly: bool = False) -> dict[str, Any]:
    """The columns of a card that begins to wait now. `quietly`: nobody is reminded, for no person waits yet."""
    at = clock.now()
    due_at = at + (timedelta(minutes=due.minutes) if due else settings.CARD_DUE)
    steps = [] if quietly else [step for step in _steps(due, due_at) if _at(step) > at]
    return {"due_at": due_at, "steps": steps, "acts_at": _first(steps, due_at)}


def take_steps(card: ReviewCard) -> bool:
    """What is due of them by now is done and told, once; False where nothing is. The caller has locked the card."""
    at = clock.now()
    over = [step for step in card.steps if _at(step) <= at]
    if card.status != CardStatus.PENDING or (not over and card.acts_at > at):
        return False
    left = card.steps[len(over) :]
    changes: dict[str, Any] = {"steps": left, "acts_at": _first(left, card.due_at)}
    if escalates := [step for step in over if step["do"] == Step.ESCALATE]:
        to = Role(escalates[-1]["to"])
        changes |= {"escalated_to": to, "escalated_at": at, "quorum": quorum.widened(card.quorum, to)}
        changes["version"] = F("version") + 1  # not for a reminder, which changes nothing that a reviewer has read
    ReviewCard.objects.filter(pk=card.pk).update(**changes)
    card.refresh_from_db()
    if escalates:
        tell(ReviewEscalated.about(card, to=card.escalated_to, due_at=clock.written(card.due_at)), by=SYSTEM)
    elif over:  # several that nobody was there to tell are one: the last of them says how late it is
        minutes_left = int((card.due_at - at).total_seconds() // 60)
        tell(ReviewDue.about(card, due_at=clock.written(card.due_at), minutes_left=minutes_left), by=SYSTEM)
    return True


def _steps(due: Due | None, due_at: datetime) -> list[dict[str, Any]]:
    """In the order of their time."""
    reminders = [timedelta(minutes=m) for m in due.remind_minutes or ()] if due else settings.CARD_REMINDERS
    steps = [{"at": clock.written(due_at - before), "do": str(Step.REMIND)} for before in reminders]
    if due and due.escalate_to and due.escalate_minutes:
        at = due_at - timedelta(minutes=due.escalate_minutes)
        steps.append({"at": clock.written(at), "do": str(Step.ESCALATE), "to": due.escalate_to})
    return sorted(steps, key=_at)


def _first(steps: list[dict[str, Any]], due_at: datetime) -> datetime:
    return _at(steps[0]) if steps else due_at


def _at(step: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(step["at"])
