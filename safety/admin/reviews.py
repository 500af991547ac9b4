"""The reviewers' queue, and the card on one screen."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.show_card import CardPage, show_card, tasks_of
from chimera.flows.show_reviews import standings_of
from chimera.kernel import clock
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.filters import newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Offer
from chimera.kernel.errors import forbidden
from chimera.kernel.identity import Role
from safety.admin.approvals import approvals
from safety.admin.decisions import APPROVALS, VERBS
from safety.admin.reasons import ReasonFilter, labels, tone_of, words_of
from safety.models import CardKind, ReviewCard
from safety.quorum import ANY_APPROVER, deciders, missing, one_reviewer
from safety.states import CardStatus

KIND_TONES = {
    CardKind.SPEND: "warn",
    CardKind.RESULT: "info",
    CardKind.MANUAL: "mark",
    CardKind.JUDGE: "plain",
    CardKind.ACTION: "bad",
}
STATUS_TONES = {
    CardStatus.PENDING: "info",
    CardStatus.APPROVED: "good",
    CardStatus.REJECTED: "bad",
    CardStatus.CHANGES_REQUESTED: "warn",
    CardStatus.EXPIRED: "bad",
    CardStatus.WITHDRAWN: "plain",
}
MONEY_TONES = {"held": "info", "review": "warn", "denied": "bad", "captured": "good"}
SPENDS_SHOWN_MAX = 50
BADGE_MAX = 99  # more than a person looks at; counting on would cost


class StandingFilter(admin.SimpleListFilter):
    """Waiting cards, unless something else is asked for."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("decided", "decided"), ("judge", "with a judge"), ("all", "all")]

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        return [{**first, "display": "waiting"}, *rest]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        rows: QuerySet[Any]
        match self.value():
            case "all":
                rows = queryset.order_by("-pk")
            case "decided":
                rows = queryset.exclude(status=CardStatus.PENDING).order_by("-pk")
            case "judge":
                rows = queryset.filter(status=CardStatus.PENDING, kind=CardKind.JUDGE).order_by("due_at", "pk")
            case _:
                rows = queryset.waiting()
        return rows


@admin.register(ReviewCard, site=site)
class ReviewCardAdmin(RowsAdmin):
    nouns = "Reviews"
    viewers = ANY_APPROVER | {Role.AUDITOR}
    verbs = VERBS
    empty_sentence = "No card waits for a decision."
    quick_links: ClassVar = (
        ("Waiting", {}),
        ("Decided", {"standing": "decided"}),
        ("With a judge", {"standing": "judge"}),
        ("All", {"standing": "all"}),
    )
    list_display = ("subject", "because", "session_name", "due", "standing")
    list_filter = (StandingFilter, "kind", ReasonFilter, newest("session", "session"))
    list_select_related = ("session", "claimed_by", "decided_by")
    search_fields = ("session__name__icontains",)
    search_help_text = "Session, or a card's id"

    def prepare(self, request: HttpRequest, rows: list[ReviewCard]) -> None:
        found = tasks_of(row.task_id for row in rows)
        for row in rows:
            row.page_task = found.get(row.task_id)  # type: ignore[attr-defined]
        several = [row for row in rows if row.status == CardStatus.PENDING and row.quorum != one_reviewer()]
        standings = standings_of(several) if several else {}
        for row in several:
            row.page_missing = missing(standings[row.pk].demands)  # type: ignore[attr-defined]

    @admin.display(description="What")
    def subject(self, card: ReviewCard) -> SafeString:
        return format_html("{} {}", show.label(card.kind, KIND_TONES[CardKind(card.kind)]), self.heading(card))

    @admin.display(description="Because")
    def because(self, card: ReviewCard) -> SafeString:
        return labels(card.reasons)

    @admin.display(description="Session")
    def session_name(self, card: ReviewCard) -> str:
        return show.short(str(card.session), 40)

    @admin.display(description="Due")
    def due(self, card: ReviewCard) -> SafeString | str:
        return show.moment(card.due_at, due=True) if card.status == CardStatus.PENDING else show.NOTHING

    @admin.display(description="Standing")
    def standing(self, card: ReviewCard) -> SafeString | str:
        if card.status == CardStatus.PENDING:
            looks = looking(card)
            waits = f"needs {card.page_missing}" if hasattr(card, "page_missing") else "waiting"
            return format_html("{} is looking", looks) if looks else waits
        status = show.label(card.status, STATUS_TONES[CardStatus(card.status)])
        return format_html("{} {}", status, card.decided_by.get_username() if card.decided_by else "")

    def heading(self, card: ReviewCard) -> str:
        task = getattr(card, "page_task", None)
        return show.short(task.description or task.type, 90) if task else str(card)

    def banner(self, request: HttpRequest, card: ReviewCard) -> tuple[str, str] | None:
        if card.status != CardStatus.PENDING:
            who = card.decided_by.get_username() if card.decided_by else "Chimera"
            said = f"{card.status.replace('_', ' ').capitalize()} by {who} at {card.decided_at:%Y-%m-%d %H:%M} UTC."
            return STATUS_TONES[CardStatus(card.status)], f"{said}\n{card.note}" if card.note else said
        if why := self._barred(request, card):
            return "warn", f"{why} You may still reject it or request changes."
        looks = looking(card)
        if looks and str(card.claimed_by_id) != principal(request).id:
            return "warn", f"{looks} is looking at it until {card.claim_expires_at:%H:%M} UTC."
        return ("info", f"You are looking at it until {card.claim_expires_at:%H:%M} UTC.") if looks else None

    def _barred(self, request: HttpRequest, card: ReviewCard) -> str:
        """Why this person may not approve it; "" who may, and for those whom it does not ask at all."""
        page: CardPage = card.page  # type: ignore[attr-defined]
        return page.barred.get(int(principal(request).id), "") if may(request, deciders(card.quorum)) else ""

    def detail_page(self, request: HttpRequest, row: ReviewCard, **more: Any) -> Any:
        row.page = show_card(row)  # type: ignore[attr-defined]
        row.page_result = row.page.result  # type: ignore[attr-defined]
        return super().detail_page(request, row, **more)

    def offers(self, request: HttpRequest, row: ReviewCard, bound: Any = None) -> list[Offer]:
        """None to those whom this card does not ask, and no approval to who asked for it."""
        if not may(request, deciders(row.quorum)):
            return []
        barred = bool(self._barred(request, row))
        return [offer for offer in super().offers(request, row, bound) if not (barred and offer.verb.name in APPROVALS)]

    def verb_view(self, request: HttpRequest, row_id: UUID, verb: str) -> HttpResponse:
        card = self.get_queryset(request).filter(pk=row_id).first()
        if request.method == "POST" and card is not None and not may(request, deciders(card.quorum)):
            raise forbidden(f"This card is decided by: {', '.join(sorted(deciders(card.quorum)))}.", code="role")
        return super().verb_view(request, row_id, verb)

    def panels(self, request: HttpRequest, card: ReviewCard) -> list[Panel]:
        page: CardPage = card.page  # type: ignore[attr-defined]
        return [
            panels.custom("Why it waits", "safety/reviewcard/reasons.html", reasons=_reasons(card)),
            *approvals(card, page.standing),
            *self._action(page),
            *self._result(page),
            *([panels.json_value("What was asked", page.task.input_payload)] if page.task else []),
            self._money(page),
            self._memories(page),
            *self._attempts(page),
            panels.custom("History", "console/panels/history.html", events=page.history),
            self._about(request, card, page),
            *self._budgets(page),
        ]

    def _action(self, page: CardPage) -> list[Panel]:
        """What is to happen, exactly."""
        if page.action is None:
            return []
        action = page.action
        price = show.usd(action.amount_usd) if action.amount_usd is not None else ""
        note = " · ".join(
            filter(None, [action.tool, price, action.payee, action.purpose, f"digest {action.digest[:16]}…"])
        )
        return [
            panels.json_value("What is to happen", action.arguments, note=note),
            *(
                [panels.json_value("What its agent wanted to do", action.original_arguments)]
                if action.original_arguments is not None
                else []
            ),
        ]

    def _result(self, page: CardPage) -> list[Panel]:
        if page.result is None:
            return []
        scores = [
            f"{name} {page.result[key]:.2f}"
            for name, key in (("confidence", "confidence_score"), ("judge", "judge_score"))
            if page.result[key] is not None
        ]
        shown = [
            panels.json_value(
                "The result",
                page.result["output_payload"],
                note=" · ".join([f"attempt {page.result['attempt']}", *scores]),
            )
        ]
        if page.result["reasoning"]:
            shown.append(panels.prose("Its reasoning", page.result["reasoning"]))
        if page.result["evidence"]:
            shown.append(panels.json_value("Its evidence", page.result["evidence"]))
        return shown

    def _money(self, page: CardPage) -> Panel:
        rows = [
            (
                show.usd(s.amount_usd),
                show.short(" · ".join(filter(None, [s.payee or s.category, s.purpose])), 120) or show.NOTHING,
                show.label(s.status, MONEY_TONES.get(s.status, "plain")),
                show.moment(s.created_at),
            )
            for s in page.spends[:SPENDS_SHOWN_MAX]
        ]
        return panels.table(
            "Money", ("Amount", "For", "Standing", "Asked"), rows, empty="This task has asked for no money."
        )

    def _memories(self, page: CardPage) -> Panel:
        template = "safety/reviewcard/memories.html"
        return panels.custom("Memory that was used", template, note="as it was then", memories=page.memories)

    def _attempts(self, page: CardPage) -> list[Panel]:
        rows = [
            (str(a.attempt), a.agent.name, show.label(a.outcome), show.moment(a.created_at), show.short(_said(a), 160))
            for a in page.attempts
        ]
        return [panels.table("Earlier attempts", ("", "By", "Outcome", "When", "What it said"), rows)] if rows else []

    def _budgets(self, page: CardPage) -> list[Panel]:
        usage = panels.custom("Budgets", "console/panels/usage.html", aside=True, budgets=page.usage)
        return [usage] if page.spends else []

    def _about(self, request: HttpRequest, card: ReviewCard, page: CardPage) -> Panel:
        task = page.task
        return panels.facts(
            "Card",
            [
                ("Kind", show.label(card.kind, KIND_TONES[CardKind(card.kind)])),
                ("Due", show.moment(card.due_at, due=card.status == CardStatus.PENDING)),
                ("Opened", show.moment(card.created_at)),
                ("Task", self.link(request, "swarm.task", task.pk, task.type) if task else "gone after 90 days"),
                ("Agent", task.agent.name if task and task.agent else ""),
                ("Risk tier", str(task.risk_tier) if task else ""),
                ("Attempts", f"{task.attempt_count} of {task.max_attempts}" if task else ""),
                ("Session", self.link(request, "swarm.swarmsession", card.session_id, card.session)),
                ("Campaign", str(task.session.campaign) if task and task.session.campaign else ""),
                ("Goal", task.session.campaign.goal if task and task.session.campaign else ""),
            ],
        )


def looking(card: ReviewCard) -> str:
    """Who says that they are looking at it, as long as that holds."""
    holds = card.claimed_by is not None and card.claim_expires_at is not None and card.claim_expires_at > clock.now()
    return card.claimed_by.get_username() if holds and card.claimed_by else ""


def waiting_badge(request: HttpRequest) -> str:
    """How many cards wait, for the sidebar; "" for none."""
    number = ReviewCard.objects.waiting().order_by()[: BADGE_MAX + 1].count()
    return f"{BADGE_MAX}+" if number > BADGE_MAX else str(number or "")


def _reasons(card: ReviewCard) -> list[dict[str, Any]]:
    return [{**r, "words": words_of(r["code"]), "tone": tone_of(r["code"])} for r in card.reasons]


def _said(attempt: Any) -> str:
    if attempt.error:
        return f"{attempt.error.get('code', '')}: {attempt.error.get('message', '')}"
    return "; ".join(text for _, text in panels.texts(attempt.output_payload or {})[:3]) or attempt.reasoning
