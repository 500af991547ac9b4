"""The reviewers' queue and the card on one screen: who sees them, what is offered there, and what a click does."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.flows.claim_next import Chosen, claim_next
from chimera.flows.show_card import CardPage, show_card, tasks_of, to_show
from chimera.flows.show_reviews import standings_of
from chimera.kernel import clock
from chimera.kernel.console import show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.filters import newest
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.rows import RowsAdmin
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Offer
from chimera.kernel.errors import Refused, forbidden, not_found
from chimera.kernel.http.pages import choice_or_refuse, uuid_or_refuse
from chimera.kernel.identity import Role
from safety.actions import check_asked, taking
from safety.admin import batch, queue
from safety.admin.card import panels_of
from safety.admin.decisions import VERBS
from safety.admin.looks import KIND_TONES, STATUS_TONES
from safety.admin.queue import StandingFilter
from safety.admin.reasons import ReasonFilter, labels
from safety.models import CardKind, ReviewCard, ReviewSeen
from safety.quorum import ANY_APPROVER, deciders, missing, one_reviewer
from safety.states import CardStatus


@admin.register(ReviewCard, site=site)
class ReviewCardAdmin(RowsAdmin):
    nouns = "Reviews"
    viewers = ANY_APPROVER | {Role.AUDITOR}
    verbs = VERBS
    detail_template = "safety/reviewcard/card.html"
    list_before_template = "safety/reviewcard/queue.html"
    list_disable_select_all = True  # the paginator pretends a number; cards are decided as they are ticked
    empty_sentence = "No card waits for a decision."
    quick_links: ClassVar = (
        ("Waiting", {}),
        ("Mine", {"standing": "mine"}),
        ("Unclaimed", {"standing": "unclaimed"}),
        ("Due soon", {"standing": "due"}),
        ("New", {"standing": "new"}),
        ("Decided", {"standing": "decided"}),
        ("With a judge", {"standing": "judge"}),
        ("All", {"standing": "all"}),
    )
    list_display = ("subject", "because", "session_name", "due", "standing")
    list_filter = (StandingFilter, "kind", ReasonFilter, newest("session", "session"))
    list_select_related = ("session__campaign", "claimed_by", "decided_by")
    search_fields = ("headline__icontains", "session__name__icontains")
    search_help_text = "What it is about, its session, or a card's id"

    def more_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("next/", wrap(self.next_view), name="safety_reviewcard_next"),
            path("<uuid:row_id>/seen/", wrap(self.seen_view), name="safety_reviewcard_seen"),
        ]

    # ------------------------------------------------------------------ the list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self.check_view(request)
        if request.method == "POST":
            batch.check(request)
        return super().changelist_view(request, {"takes": may(request, ANY_APPROVER), "take_from": _take_from(request)})

    def _quick_links(self, request: HttpRequest) -> list[dict[str, Any]]:
        counted = queue.counts(request)
        links = super()._quick_links(request)
        named = [parameters.get("standing", "") for _, parameters in self.quick_links]
        return [link | {"count": counted.get(name, "")} for link, name in zip(links, named, strict=True)]

    def prepare(self, request: HttpRequest, rows: list[ReviewCard]) -> None:
        """Those from before cards had headlines are named by their tasks. A card's own page has read all of it already."""
        if rows and hasattr(rows[0], "page"):
            rows[0].page_task = rows[0].page.task  # type: ignore[attr-defined]
            return
        found = tasks_of(row.task_id for row in rows if not row.headline)
        seen = self._seen(request, rows)
        for row in rows:
            row.page_task = found.get(row.task_id)  # type: ignore[attr-defined]
            row.page_new = row.status == CardStatus.PENDING and row.pk not in seen  # type: ignore[attr-defined]
        several = [row for row in rows if row.status == CardStatus.PENDING and row.quorum != one_reviewer()]
        standings = standings_of(several) if several else {}
        for row in several:
            row.page_missing = missing(standings[row.pk].demands)  # type: ignore[attr-defined]

    def _seen(self, request: HttpRequest, rows: list[ReviewCard]) -> set[UUID]:
        me = int(principal(request).id)
        return set(ReviewSeen.objects.filter(card__in=rows, person_id=me).values_list("card_id", flat=True))

    @admin.display(description="What")
    def subject(self, card: ReviewCard) -> SafeString:
        new = show.label("new", "info") if card.page_new else ""  # type: ignore[attr-defined]
        return format_html("{} {} {}", show.label(card.kind, KIND_TONES[CardKind(card.kind)]), self.heading(card), new)

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
        return show.short(card.headline or (task.description or task.type if task else str(card)), 90)

    # ------------------------------------------------------------------ taking cards

    def next_view(self, request: HttpRequest) -> HttpResponse:
        self.check_view(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._check_decides(request)
        kind, session = request.POST.get("kind", ""), request.POST.get("session", "")
        chosen = Chosen(
            kind=choice_or_refuse(kind, "kind", CardKind.values) if kind else None,
            session_id=uuid_or_refuse(session, "session") if session else None,
        )
        who = principal(request)
        try:
            card = claim_next(roles=who.roles, by=who.actor, chosen=chosen)
        except Refused as refusal:
            messages.warning(request, refusal.detail)
            return HttpResponseRedirect(reverse("admin:safety_reviewcard_changelist") + "?standing=mine")
        if card is None:
            messages.info(request, "Nothing is left that you may approve and nobody is at.")
            return HttpResponseRedirect(reverse("admin:safety_reviewcard_changelist"))
        return HttpResponseRedirect(self.address(card))

    def seen_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """The card's page says by its script that it was opened: reading alone writes nothing."""
        self.check_view(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._check_decides(request)
        taking.see(card_id=self.row_or_404(request, row_id).pk, by=principal(request).actor)
        return HttpResponse(status=204)

    def _check_decides(self, request: HttpRequest) -> None:
        if not may(request, ANY_APPROVER):
            raise forbidden(f"Cards are decided by: {', '.join(sorted(ANY_APPROVER))}.", code="role")

    # ------------------------------------------------------------------ several at once

    def get_actions(self, request: HttpRequest, **where: Any) -> dict[str, Any]:
        """What the box that appears with the first tick offers; `response_action` does it. Newer Djangos say `where`."""
        if not may(request, ANY_APPROVER):
            return {}
        return {v.name: (None, v.name, f"{v.label} the selected") for v in batch.BATCH.values()}

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], **where: Any) -> HttpResponse:
        """Asked about first, on a page that takes the reason and names the cards as they are read there."""
        verb = batch.check(request)
        form = batch.OneReason(request.POST if "confirmed" in request.POST else None, auto_id=f"id_{verb.name}_%s")
        if form.is_valid():
            return batch.answer(request, verb, form.cleaned_data["note"])
        cards = list(ReviewCard.objects.waiting().filter(pk__in=batch.ticked(request)))
        if not cards:
            messages.warning(request, "None of them waits any more; nothing was done.")
            return HttpResponseRedirect(request.get_full_path())
        title = f"{verb.label} {'1 card' if len(cards) == 1 else f'{len(cards)} cards'}"
        shown = {
            **self.admin_site.each_context(request),
            "crumbs": self.crumbs(title),
            "title": title,
            "verb": verb,
            "cards": batch.asked(cards),
            "form": form,
            "list": request.get_full_path(),
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "safety/reviewcard/decide.html", shown, status=status)

    # ------------------------------------------------------------------ one card

    def row_or_404(self, request: HttpRequest, row_id: UUID) -> ReviewCard:
        found = to_show(self.get_queryset(request)).filter(pk=row_id).first()
        if found is None:
            raise not_found("review")
        return found

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
        return page.why_barred(card, principal(request))

    def detail_page(self, request: HttpRequest, row: ReviewCard, **more: Any) -> HttpResponse:
        page = show_card(row)
        row.page = page  # type: ignore[attr-defined]
        row.page_payload = page.action.arguments if page.action else (page.result or {}).get("output_payload")  # type: ignore[attr-defined]
        response = super().detail_page(request, row, **more)
        takes = may(request, ANY_APPROVER)
        response.context_data |= {"takes": takes, "unseen": takes and row.status == CardStatus.PENDING}  # type: ignore[attr-defined]
        return response

    def offers(self, request: HttpRequest, row: ReviewCard, bound: Any = None) -> list[Offer]:
        """None to those whom this card does not ask, and no approval to whose would not count."""
        if not may(request, deciders(row.quorum)):
            return []
        page: CardPage = row.page  # type: ignore[attr-defined]
        who = principal(request)
        hidden = {
            "approve": bool(page.why_barred(row, who)),
            "approve_edited": not page.edits(row, who),
            "release": str(row.claimed_by_id) != who.id,
        }
        return [offer for offer in super().offers(request, row, bound) if not hidden.get(offer.verb.name)]

    def verb_view(self, request: HttpRequest, row_id: UUID, verb: str) -> HttpResponse:
        card = self.get_queryset(request).filter(pk=row_id).first()
        if request.method == "POST" and card is not None:
            check_asked(card, principal(request).roles)
        return super().verb_view(request, row_id, verb)

    def panels(self, request: HttpRequest, card: ReviewCard) -> list[Panel]:
        return panels_of(self, request, card, card.page)  # type: ignore[attr-defined]


def _take_from(request: HttpRequest) -> dict[str, str]:
    """Of which cards the next one is taken: of the kind and session that the list shows."""
    asked = {"kind": request.GET.get("kind__exact", ""), "session": request.GET.get("session", "")}
    return {name: value for name, value in asked.items() if value}


def looking(card: ReviewCard) -> str:
    """Who says that they are looking at it, as long as that holds."""
    holds = card.claimed_by is not None and card.claim_expires_at is not None and card.claim_expires_at > clock.now()
    return card.claimed_by.get_username() if holds and card.claimed_by else ""
