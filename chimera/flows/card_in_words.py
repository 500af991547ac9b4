"""A card in plain words: what is to happen, and what each decision makes of it. Reads nothing: all of it is on its page."""

from dataclasses import dataclass
from typing import Any

from chimera.flows.show_card import CardPage
from chimera.kernel.console import show
from commerce.actions.foretelling import Fate
from safety.models import CardKind, ReviewCard

BACK = "it goes back to an agent with your note"
STALE = "it is not applied, for goal, budget or context changed since; it goes back to an agent"


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence, and what follows from approving, requesting changes and rejecting."""

    asked: str
    approved: str
    changed: str
    rejected: str


def in_words(card: ReviewCard, page: CardPage) -> Words:
    who = (page.lineage[0].agent if page.lineage else "") or "An agent"
    about = f"“{show.short(page.task.description or page.task.type, 120)}”" if page.task else "a task that is gone"
    denied = page.becomes.denied
    failed = f"the task fails{_money(denied)}"
    stale = f"{STALE}{_money(page.becomes.approved)}" if page.stale else ""
    back = f"{BACK}{_money(denied) if denied.spent_usd else ', and nothing is spent'}"
    match CardKind(card.kind):
        case CardKind.SPEND:
            asked = f"{who} wants to spend {_ended(_price(page.spend))} Its task: {about}."
            return Words(asked, "its task goes on, and may spend exactly this", back, failed)
        case CardKind.ACTION:
            return Words(
                f"{who} wants to {_ended(_action(page))} Its task: {about}.",
                stale or "it may be done once, exactly as it stands here",
                back,
                failed,
            )
        case CardKind.RESULT | CardKind.JUDGE:
            return Words(
                f"{who} has done {about}, and hands this in.",
                stale or f"this becomes the task's result{_money(page.becomes.approved)}",
                f"{BACK}{_money(denied)}",
                failed,
            )
        case CardKind.MANUAL:
            return Words(
                f"{about} begins when a person says so.", "an agent may begin", "your note goes with it", failed
            )


def _money(fate: Fate) -> str:
    """What becomes of what is held for it."""
    spent, freed = show.usd(fate.spent_usd), show.usd(fate.freed_usd)
    if fate.spent_usd and fate.freed_usd:
        return f", {spent} held for it is spent, and {freed} is free again"
    if fate.spent_usd:
        return f", and {spent} held for it is spent"
    return f", and {freed} held for it is free again" if fate.freed_usd else ""


def _ended(words: str) -> str:
    """With one full stop, also after “Acme, Inc.”."""
    return words if words.endswith(".") else f"{words}."


def _price(spend: Any) -> str:
    if spend is None:
        return "money"
    whom = f" at {spend.payee}" if spend.payee else f" on {spend.category}" if spend.category else ""
    return f"{show.usd(spend.amount_usd)}{whom}{f' for “{spend.purpose}”' if spend.purpose else ''}"


def _action(page: CardPage) -> str:
    if page.action is None:
        return "act"
    action = page.action
    price = f" for {show.usd(action.amount_usd)}" if action.amount_usd is not None else ""
    whom = f", paid to {action.payee}" if action.payee and price else f" ({action.payee})" if action.payee else ""
    return f"run “{action.tool}”{price}{whom}{f': {action.purpose}' if action.purpose else ''}"
