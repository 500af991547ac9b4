"""The card on one screen: what is to happen, why it was stopped, what its agent knew, its money, and what led here."""

import json
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from chimera.flows.card_in_words import in_words
from chimera.flows.show_card import ALIKE_SHOWN_MAX, SPENDS_SHOWN_MAX, CardPage, became, bought, said_in
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from safety.admin.approvals import approvals
from safety.admin.looks import KIND_TONES, MONEY_TONES, STATUS_TONES
from safety.admin.reasons import tone_of, words_of
from safety.diffs import Change
from safety.models import CardKind, ReviewCard
from safety.states import CardStatus

CHANGES_SHOWN_MAX = 100


def panels_of(admin: RowsAdmin, request: HttpRequest, card: ReviewCard, page: CardPage) -> list[Panel]:
    return [
        _asked(card, page),
        panels.custom("Why it waits", "safety/reviewcard/reasons.html", reasons=_reasons(card)),
        *approvals(card, page.standing),
        *_exactly(card, page),
        *_earlier(page),
        *_edited(card),
        *([panels.json_value("What its task was given", page.task.input_payload)] if page.task else []),
        _money(page),
        panels.custom(
            "What its agents knew", "safety/reviewcard/memories.html", note="as it was then", memories=page.memories
        ),
        *_attempts(page),
        _alike(admin, page),
        panels.custom("History of its task", "console/panels/history.html", events=page.around.own),
        _tail(card, page),
        _about(admin, request, card, page),
        _lineage(admin, request, card, page),
        *_budgets(card, page),
    ]


def _asked(card: ReviewCard, page: CardPage) -> Panel:
    words = in_words(card, page)
    waits = card.status == CardStatus.PENDING
    return panels.custom("What is to happen", "safety/reviewcard/asked.html", words=words, waits=waits)


def _reasons(card: ReviewCard) -> list[dict[str, Any]]:
    return [
        {
            **reason,
            "words": words_of(reason["code"]),
            "tone": tone_of(reason["code"]),
            "address": reverse("admin:safety_policy_change", args=[reason["policy"]]) if reason.get("policy") else "",
        }
        for reason in card.reasons
    ]


def _exactly(card: ReviewCard, page: CardPage) -> list[Panel]:
    if page.action is not None:
        return _action(page)
    if card.kind == CardKind.SPEND and page.spend is not None:
        return [panels.json_value("Exactly", bought(page.spend))]
    return _result(page)


def _action(page: CardPage) -> list[Panel]:
    action = page.action
    assert action is not None
    bound = panels.custom(
        "What the approval is bound to",
        "safety/reviewcard/document.html",
        note=f"digest {action.digest[:16]}…",
        digest=action.digest,
        json=show.pretty(action.document()),
    )
    wanted = action.original_arguments
    return [
        panels.json_value("Exactly", action.arguments, note=action.tool),
        *([panels.json_value("What its agent wanted to do", wanted)] if wanted is not None else []),
        bound,
    ]


def _result(page: CardPage) -> list[Panel]:
    if page.result is None:
        return []
    scores = [
        f"{name} {page.result[key]:.2f}"
        for name, key in (("confidence", "confidence_score"), ("judge", "judge_score"))
        if page.result[key] is not None
    ]
    note = " · ".join([f"attempt {page.result['attempt']}", *scores])
    shown = [panels.json_value("The result", page.result["output_payload"], note=note)]
    if page.result["reasoning"]:
        shown.append(panels.prose("Its reasoning", page.result["reasoning"]))
    if page.result["evidence"]:
        shown.append(panels.json_value("Its evidence", page.result["evidence"]))
    return shown


def _earlier(page: CardPage) -> list[Panel]:
    earlier = page.earlier
    if earlier is None:
        return []
    note = " · ".join(filter(None, [earlier.what, earlier.became, show.short(earlier.why, 120)]))
    template = "safety/reviewcard/changes.html"
    return [
        panels.custom(
            "What is different from the last time", template, note=note, changes=readable(earlier.changes, earlier.now)
        )
    ]


def _edited(card: ReviewCard) -> list[Panel]:
    if card.edited_payload is None:
        return []
    return [
        panels.custom(
            "What the edit changes",
            "safety/reviewcard/changes.html",
            changes=readable(card.changes or [], card.edited_payload),
        ),
        panels.json_value("As edited", card.edited_payload),
    ]


def readable(changes: Sequence[Change], now: Any) -> list[tuple[str, str | None, str | None]]:
    """Where, what stood there and what stands there `now`; None where there is nothing."""
    shown = changes[:CHANGES_SHOWN_MAX]
    return [(_place(each["path"], now), _text(each, "before"), _text(each, "value")) for each in shown]


def _place(pointer: str, now: Any) -> str:
    """/tags/0 → tags › 1 where `tags` is a list; an object's name stays what it is, also where it is a number."""
    shown = []
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(now, list):
            place = int(name)
            shown.append(str(place + 1))
            now = now[place] if place < len(now) else None
        else:
            shown.append(name)
            now = now.get(name) if isinstance(now, dict) else None
    return " › ".join(shown)


def _text(change: Change, side: str) -> str | None:
    if side not in change:
        return None
    value = change[side]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _money(page: CardPage) -> Panel:
    rows = [
        (
            show.usd(spend.amount_usd),
            show.short(" · ".join(filter(None, [spend.payee or spend.category, spend.purpose])), 120) or show.NOTHING,
            show.label(spend.status, MONEY_TONES.get(spend.status, "plain")),
            show.moment(spend.created_at),
        )
        for spend in page.spends[:SPENDS_SHOWN_MAX]
    ]
    return panels.table(
        "Money", ("Amount", "For", "Standing", "Asked"), rows, empty="This task has asked for no money."
    )


def _attempts(page: CardPage) -> list[Panel]:
    rows = [
        (str(a.attempt), a.agent.name, show.label(a.outcome), show.moment(a.created_at), said_in(a))
        for a in page.attempts
    ]
    return [panels.table("Earlier attempts", ("", "By", "Outcome", "When", "What it said"), rows)] if rows else []


def _alike(admin: RowsAdmin, page: CardPage) -> Panel:
    """How people decided about such cards."""
    rows = [
        (
            show.label(became(card), STATUS_TONES[CardStatus(card.status)]),
            show.link(admin.address(card), show.short(card.headline or str(card), 70)),
            card.decided_by.get_username() if card.decided_by else show.NOTHING,
            show.moment(card.decided_at),
            show.short(card.note, 120),
        )
        for card in page.alike[:ALIKE_SHOWN_MAX]
    ]
    note = ", ".join(f"{number} {words}" for words, number in page.became)
    columns = ("", "What", "By", "When", "Note")
    return panels.table("Earlier decisions like it", columns, rows, empty="None yet.", note=note)


def _tail(card: ReviewCard, page: CardPage) -> Panel:
    return panels.custom(
        "Its session now",
        "safety/reviewcard/tail.html",
        session=card.session_id,
        task=card.task_id,
        after=page.around.after,
        events=page.around.tail,
    )


def _about(admin: RowsAdmin, request: HttpRequest, card: ReviewCard, page: CardPage) -> Panel:
    task = page.task
    agent = page.lineage[0].agent if page.lineage else ""
    return panels.facts(
        "Card",
        [
            ("Kind", show.label(card.kind, KIND_TONES[CardKind(card.kind)])),
            ("Due", show.moment(card.due_at, due=card.status == CardStatus.PENDING)),
            ("Opened", show.moment(card.created_at)),
            ("Task", admin.link(request, "swarm.task", task.pk, task.type) if task else "gone after 90 days"),
            ("Agent", admin.link(request, "swarm.agentprofile", task.agent_id, agent) if task and agent else ""),
            ("Risk tier", str(task.risk_tier) if task else ""),
            ("Attempts", f"{task.attempt_count} of {task.max_attempts}" if task else ""),
            ("Its agent's key", card.correlation_key),
            ("Decided before it was asked", show.moment(card.decided_early_at) if card.decided_early_at else ""),
        ],
    )


def _lineage(admin: RowsAdmin, request: HttpRequest, card: ReviewCard, page: CardPage) -> Panel:
    """From the campaign down to the task."""
    campaign = card.session.campaign
    steps = [
        (
            show.short(link.task.description or link.task.type, 80),
            admin.link(request, "swarm.task", link.task.pk, link.task.type),
            link.made_by,
        )
        for link in reversed(page.lineage)
    ]
    return panels.custom(
        "What led here",
        "safety/reviewcard/lineage.html",
        aside=True,
        campaign=admin.link(request, "swarm.campaign", campaign.pk, campaign.name) if campaign else "",
        goal=campaign.goal if campaign else "",
        session=admin.link(request, "swarm.swarmsession", card.session_id, card.session),
        steps=steps,
    )


def _budgets(card: ReviewCard, page: CardPage) -> list[Panel]:
    waits = card.status == CardStatus.PENDING
    usage = panels.custom("Budgets", "safety/reviewcard/budgets.html", aside=True, budgets=page.usage, waits=waits)
    return [usage] if page.spends else []
