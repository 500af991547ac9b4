"""A card with all that its page shows beside it, as data for consoles that are no browser. Reads nothing: all of it is on the page."""

from typing import Any

from chimera.flows.card_in_words import in_words
from chimera.flows.show_around import Line
from chimera.flows.show_card import (
    ALIKE_SHOWN_MAX,
    SPENDS_SHOWN_MAX,
    CardPage,
    became,
    bought,
    said_in,
)
from chimera.flows.show_hold import Asked
from chimera.flows.show_lineage import Link
from chimera.flows.show_reviews import review_shape
from chimera.flows.show_usage import Bar
from chimera.kernel.console import show
from chimera.kernel.identity import Principal
from safety.models import Action, CardKind, ReviewCard
from safety.quorum import deciders
from safety.states import CardStatus, Decision

ABOUT_MAX, NOTE_MAX = 200, 120  # characters of what stands in a line


def card_as_data(card: ReviewCard, page: CardPage, *, who: Principal) -> dict[str, Any]:
    """The card shape of /api/docs/; `card` is one of `to_show`, `page` its own, `who` looks at it."""
    return {
        "review": review_shape(card, page.result, page.memories, page.standing),
        "words": _words(card, page),
        "you": _you(card, page, who),
        "exactly": _exactly(card, page),
        "action": _action(page.action),
        "earlier": _earlier(page),
        "money": _money(card, page),
        "task": _task(page),
        "lineage": _lineage(card, page),
        "attempts": [_attempt(attempt) for attempt in page.attempts],
        "alike": _alike(page),
        "history": [_line(line) for line in page.around.own],
        "tail": {"after": page.around.after or None, "events": [_line(line) for line in page.around.tail]},
    }


def _words(card: ReviewCard, page: CardPage) -> dict[str, Any]:
    words = in_words(card, page)
    follows = {"approve": words.approved, "request_changes": words.changed, "reject": words.rejected}
    return {"asked": words.asked, "follows": follows if card.status == CardStatus.PENDING else None}


def _you(card: ReviewCard, page: CardPage, who: Principal) -> dict[str, Any]:
    waits = card.status == CardStatus.PENDING
    why = page.why_barred(card, who) if waits else ""
    asked = waits and who.writes and who.has(*deciders(card.quorum))
    open_to = [each for each in Decision if asked and not (why and each is Decision.APPROVE)]
    return {
        "decisions": [each.value for each in open_to],
        "edits": asked and page.edits(card, who),
        "barred": why or None,
    }


def _exactly(card: ReviewCard, page: CardPage) -> dict[str, Any] | None:
    if card.edited_payload is not None:
        edited: dict[str, Any] = card.edited_payload
        return edited
    if page.action is not None:
        arguments: dict[str, Any] = page.action.arguments
        return arguments
    if card.kind == CardKind.SPEND and page.spend is not None:
        return bought(page.spend)
    return page.result["output_payload"] if page.result else None


def _action(action: Action | None) -> dict[str, Any] | None:
    if action is None:
        return None
    named = ("tool", "status", "asset_symbol", "payee", "category", "purpose", "digest", "original_arguments")
    return {"id": action.pk, "amount_usd": action.amount_usd} | {name: getattr(action, name) for name in named}


def _earlier(page: CardPage) -> dict[str, Any] | None:
    earlier = page.earlier
    if earlier is None:
        return None
    return {"what": earlier.what, "became": earlier.became, "why": earlier.why, "changes": earlier.changes}


def _money(card: ReviewCard, page: CardPage) -> dict[str, Any]:
    named = ("amount_usd", "asset_symbol", "payee", "category", "purpose", "status", "created_at")
    spends = [
        {"id": spend.pk} | {name: getattr(spend, name) for name in named} for spend in page.spends[:SPENDS_SHOWN_MAX]
    ]
    waits = card.status == CardStatus.PENDING
    return {
        "held_usd": page.becomes.held_usd,
        "transactions": spends,
        "transactions_count": len(page.spends),
        "budgets": [_budget(asked, waits) for asked in page.usage],
    }


def _budget(asked: Asked, waits: bool) -> dict[str, Any]:
    effects = {effect.bar.window: effect for effect in asked.effects if waits and effect.hold_usd}
    windows = []
    for bar in asked.limited:
        effect = effects.get(bar.window)
        held = effect and {
            "held_usd": effect.hold_usd,
            "left_if_approved_usd": effect.left_usd,
            "left_if_rejected_usd": effect.without_usd,
        }
        windows.append(_window(bar) | {"this": held})
    return {"id": asked.budget_id, "name": asked.name, "is_active": asked.is_active, "windows": windows}


def _window(bar: Bar) -> dict[str, Any]:
    return {
        "window": bar.window,
        "limit_usd": bar.limit,
        "held_usd": bar.held,
        "captured_usd": bar.captured,
        "remaining_usd": bar.remaining,
    }


def _task(page: CardPage) -> dict[str, Any] | None:
    if page.task is None:
        return None
    named = ("type", "description", "status", "risk_tier", "attempt_count", "max_attempts", "input_payload")
    return _step(page.lineage[0]) | {name: getattr(page.task, name) for name in named}


def _lineage(card: ReviewCard, page: CardPage) -> dict[str, Any]:
    campaign = card.session.campaign
    return {
        "campaign": campaign and {"id": campaign.pk, "name": campaign.name, "goal": campaign.goal},
        "session": {"id": card.session_id, "name": str(card.session)},
        "tasks": [
            _step(link) | {"about": show.short(link.task.description or link.task.type, ABOUT_MAX)}
            for link in reversed(page.lineage)
        ],
    }


def _step(link: Link) -> dict[str, Any]:
    return {"id": link.task.pk, "agent": link.task.agent_id, "agent_name": link.agent, "made_by": link.made_by}


def _attempt(attempt: Any) -> dict[str, Any]:
    return {
        "attempt": attempt.attempt,
        "agent": attempt.agent_id,
        "agent_name": attempt.agent.name,
        "outcome": attempt.outcome,
        "said": said_in(attempt),
        "at": attempt.created_at,
    }


def _alike(page: CardPage) -> dict[str, Any]:
    return {
        "became": [{"became": words, "number": number} for words, number in page.became],
        "latest": [_decided(card) for card in page.alike[:ALIKE_SHOWN_MAX]],
    }


def _decided(card: ReviewCard) -> dict[str, Any]:
    return {
        "review": card.pk,
        "headline": card.headline,
        "became": became(card),
        "by": card.decided_by.get_username() if card.decided_by else None,
        "at": card.decided_at,
        "note": show.short(card.note, NOTE_MAX),
    }


def _line(line: Line) -> dict[str, Any]:
    named = ("position", "type", "what", "words", "who", "at")
    return {name: getattr(line, name) for name in named} | {"task": line.task_id}
