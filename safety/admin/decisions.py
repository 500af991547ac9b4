"""What a reviewer may do with a card: say that one is looking, approve, approve with edits, reject, request changes."""

from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from rest_framework.serializers import ValidationError as Invalid

from chimera.flows.decide_review import decide_review
from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.console import show
from chimera.kernel.console.verbs import Verb, VerbForm
from chimera.kernel.errors import Refused
from chimera.kernel.http.parsing import check_json, read_object
from safety import actions
from safety.actions import taking
from safety.actions.deciding import EDITED
from safety.models import ReviewCard
from safety.quorum import ANY_APPROVER
from safety.states import CardStatus, Decision

NOTE_CHARACTERS_MAX = 4_000  # as over the API


def _note(placeholder: str, *, required: bool) -> forms.CharField:
    return forms.CharField(
        label="Note",
        required=required,
        max_length=NOTE_CHARACTERS_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": placeholder}),
        error_messages={"required": "Say why: the agent reads it, and so does whoever asks later."},
    )


class Deciding(VerbForm):
    """Says which version of the card was read: a decision is about what its person saw."""

    kept = True

    seen_version = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    @classmethod
    def initial_of(cls, row: ReviewCard) -> dict[str, Any]:
        return {"seen_version": row.version}


class Rejecting(Deciding):
    note = _note("Why must this not happen?", required=True)


class Requesting(Deciding):
    note = _note("What must change? The agent gets these words with its next claim.", required=True)


class Editing(Deciding):
    """The result's output, or the action's arguments, as JSON: to be put right and approved in one step."""

    edited_payload = forms.CharField(
        label="As JSON",
        strip=True,
        widget=forms.Textarea(attrs={"rows": 16, "class": "chm-json", "spellcheck": "false"}),
    )
    note = _note("What did you change? (optional)", required=False)

    @classmethod
    def initial_of(cls, row: ReviewCard) -> dict[str, Any]:
        payload = getattr(row, "page_payload", None)
        said = {} if payload is None else {"edited_payload": show.pretty(payload)}
        return super().initial_of(row) | said

    def clean_edited_payload(self) -> dict[str, Any]:
        try:
            payload = read_object(self.cleaned_data["edited_payload"].encode())
            check_json(payload, bytes_max=settings.PAYLOAD_BYTES_MAX)
        except Refused as refusal:
            raise forms.ValidationError(refusal.detail) from None
        except Invalid as invalid:
            raise forms.ValidationError(str(invalid.detail[0])) from None  # type: ignore[index]
        return payload


def _pending(card: ReviewCard) -> bool:
    return card.status == CardStatus.PENDING


def _editable(card: ReviewCard) -> bool:
    return _pending(card) and card.kind in EDITED


def _claimed(card: ReviewCard) -> bool:
    return _pending(card) and card.claim_expires_at is not None and card.claim_expires_at > clock.now()


def _claim(card: ReviewCard, said: dict[str, Any], by: Actor) -> None:
    taking.take(card=actions.lock(card.pk), by=by)


def _release(card: ReviewCard, said: dict[str, Any], by: Actor) -> None:
    taking.release(card=actions.lock(card.pk), by=by)


def _decide(card: ReviewCard, said: dict[str, Any], by: Actor, *, decision: Decision) -> None:
    """`said` holds what the verb's form asks for: nothing, a note, or a note and the edited output."""
    decide_review(
        card_id=card.pk,
        decision=decision,
        note=said.get("note", ""),
        edited_payload=said.get("edited_payload"),
        seen_version=said.get("seen_version"),
        by=by,
    )


VERBS = (
    Verb(
        name="approve",
        label="Approve",
        past="approved",
        roles=ANY_APPROVER,
        run=partial(_decide, decision=Decision.APPROVE),
        offered=_pending,
        form=Deciding,
        tone="primary",
        key="a",
    ),
    Verb(
        name="approve_edited",
        label="Edit and approve",
        confirm="Approve as edited",
        past="edited and approved",
        roles=ANY_APPROVER,
        run=partial(_decide, decision=Decision.APPROVE),
        offered=_editable,
        form=Editing,
        key="e",
        hint="What stands here is what is approved: the result, or what may be done.",
    ),
    Verb(
        name="request_changes",
        label="Request changes",
        past="requested changes to",
        roles=ANY_APPROVER,
        run=partial(_decide, decision=Decision.REQUEST_CHANGES),
        offered=_pending,
        form=Requesting,
        key="c",
        hint="The task goes back to the queue with your note.",
    ),
    Verb(
        name="reject",
        label="Reject",
        past="rejected",
        roles=ANY_APPROVER,
        run=partial(_decide, decision=Decision.REJECT),
        offered=_pending,
        form=Rejecting,
        key="r",
        tone="danger",
        hint="The task fails, and money held for it is released.",
    ),
    Verb(
        name="claim",
        label="I am looking at it",
        past="is looking at",
        roles=ANY_APPROVER,
        run=_claim,
        offered=_pending,
        hint="Colleagues see your name for ten minutes, and are not given this card.",
    ),
    Verb(
        name="release",
        label="Put it back",
        past="put back",
        roles=ANY_APPROVER,
        run=_release,
        offered=_claimed,
    ),
)
