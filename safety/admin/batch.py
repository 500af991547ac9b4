"""One decision, with one reason, about the cards that were ticked: asked about on a page of its own, then each in its own transaction."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from chimera.flows.decide_many import CARDS_MAX, Chosen, Outcome, decide_many
from chimera.kernel import clock, tenancy
from chimera.kernel.console import show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.verbs import Verb, VerbForm
from chimera.kernel.errors import forbidden, invalid
from chimera.kernel.http.problem import as_refusal
from safety.admin.decisions import NOTE_CHARACTERS_MAX, VERBS
from safety.models import ReviewCard
from safety.quorum import ANY_APPROVER
from safety.states import CardStatus, Decision

BATCH = {verb.name: verb for verb in VERBS if verb.name in {decision.value for decision in Decision}}
NAMED_MAX = 5  # of those that were left, for each reason


class OneReason(VerbForm):
    note = forms.CharField(
        label="One reason for all of them",
        max_length=NOTE_CHARACTERS_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Why?"}),
        error_messages={"required": "Say why: it is kept with each of them."},
    )


def check(request: HttpRequest) -> Verb:
    """What is asked for. 403 for those who decide nothing; 422 for anything but our own forms."""
    if not may(request, ANY_APPROVER):
        raise forbidden(f"Cards are decided by: {', '.join(sorted(ANY_APPROVER))}.", code="role")
    verb = BATCH.get(request.POST.get("action", ""))
    if verb is None or "index" not in request.POST:
        raise invalid("Choose what is to become of them: approve, reject, or request changes.", field_name="action")
    return verb


def ticked(request: HttpRequest) -> list[UUID]:
    try:
        found = [UUID(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME)]
    except ValueError:
        raise invalid("These are no ids of cards; tick them in the list.", field_name=ACTION_CHECKBOX_NAME) from None
    if len(found) > CARDS_MAX:
        raise invalid(f"Tick at most {CARDS_MAX} cards.", field_name=ACTION_CHECKBOX_NAME)
    return found


def read(request: HttpRequest) -> list[Chosen]:
    """The cards that were named on the page of the question, each with the version that it named."""
    try:
        pairs = [text.split(":") for text in request.POST.getlist("read")]
        versions = {UUID(card_id): int(version) for card_id, version in pairs}
    except ValueError:
        raise invalid("Ask again from the list.", field_name="read") from None
    return [Chosen(card_id, versions.get(card_id)) for card_id in ticked(request)]


def answer(request: HttpRequest, verb: Verb, note: str) -> HttpResponse:
    """Once the page's own transaction has ended. Answers the list again; what came of it is said there."""
    chosen = read(request)
    transaction.on_commit(partial(_decide, request, verb, chosen, note))
    return HttpResponseRedirect(request.get_full_path())


def _decide(request: HttpRequest, verb: Verb, chosen: Sequence[Chosen], note: str) -> None:
    who = principal(request)
    try:
        outcomes = decide_many(
            tenant_id=who.tenant_id, chosen=chosen, decision=Decision(verb.name), note=note, by=who.actor
        )
    except Exception as fault:
        refusal = as_refusal(fault)
        if refusal is None:
            raise
        messages.error(request, f"{refusal.detail} Some may have been decided already.")
        return
    _say(request, verb, outcomes)


def _say(request: HttpRequest, verb: Verb, outcomes: Sequence[Outcome]) -> None:
    decided = [one for one in outcomes if one.status and one.status != CardStatus.PENDING]
    waiting = [one for one in outcomes if one.status == CardStatus.PENDING]
    who = principal(request).name
    if decided:
        messages.success(request, f"{who} {verb.past} {_cards(len(decided))} at {clock.now():%H:%M} UTC.")
    if waiting:
        messages.info(request, f"Your approval of {_cards(len(waiting))} is kept; others must approve too.")
    left: dict[str, list[UUID]] = defaultdict(list)
    for one in outcomes:
        if one.code:
            left[one.detail].append(one.card_id)
    names = _names(request, [card_id for ids in left.values() for card_id in ids])
    for detail, ids in left.items():
        named = ", ".join(f"“{names.get(card_id, str(card_id))}”" for card_id in ids[:NAMED_MAX])
        more = f" and {len(ids) - NAMED_MAX} more" if len(ids) > NAMED_MAX else ""
        messages.warning(request, f"Left as it is: {named}{more}. {detail}")


def _names(request: HttpRequest, card_ids: Sequence[UUID]) -> dict[UUID, str]:
    if not card_ids:
        return {}
    with tenancy.bound(principal(request).tenant_id):
        rows = ReviewCard.objects.filter(pk__in=card_ids).only("headline", "kind")
        return {row.pk: show.short(row.headline or str(row), 60) for row in rows}


def _cards(number: int) -> str:
    return "1 card" if number == 1 else f"{number} cards"


def asked(cards: Sequence[Any]) -> list[dict[str, Any]]:
    """The cards as the page of the question names them."""
    return [
        {
            "id": card.pk,
            "version": card.version,
            "words": show.short(card.headline or str(card), 90),
            "why": show.short("; ".join(reason["detail"] for reason in card.reasons), 160),
        }
        for card in cards
    ]
