"""Deciding a card: one person's approval, and the decision that ends its waiting."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import Actor, ActorKind
from chimera.kernel.errors import Refused, conflict, forbidden, invalid
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import Role
from chimera.kernel.spelling import visible
from safety import digests
from safety.actions import proposals
from safety.actions.proposals import ARGUMENTS_BYTES_MAX
from safety.diffs import Change
from safety.events import ReviewDecided, ReviewVoted
from safety.models import CardKind, ReviewCard, ReviewVote
from safety.quorum import VOTED, deciders, is_met, missing, not_asked, standing, takes
from safety.states import CARD, DECIDED_AS, CardStatus, Decision

EDITED = (CardKind.RESULT, CardKind.ACTION)  # the output of the one, the arguments of the other


@dataclass(frozen=True, slots=True)
class Edit:
    """What a reviewer would rather have: None where that is what was asked in the first place. `asked` is what an approval of
    it approves, `changes` how it differs from what was asked."""

    payload: dict[str, Any] | None
    asked: str
    changes: list[Change] | None


def check_pending(card: ReviewCard) -> None:
    """Raises 409 `already_decided`, naming who decided what and when."""
    if card.status == CardStatus.PENDING:
        return
    who = card.decided_by.get_username() if card.decided_by else "Chimera"
    when = f"{card.decided_at:%Y-%m-%d %H:%M} UTC" if card.decided_at else ""
    raise Refused(
        f"This card was already {card.status.replace('_', ' ')} by {who} at {when}.",
        code="already_decided",
        status=409,
        extra={
            "review_status": str(card.status),
            "decided_by": who,
            "decided_at": clock.written(card.decided_at) if card.decided_at else None,
        },
    )


def check_asked(card: ReviewCard, roles: Collection[Role]) -> None:
    """403 `role` unless reviewers' or of those whom the card asks."""
    wanted = deciders(card.quorum)
    if not wanted.intersection(roles):
        raise forbidden(f"This card is decided by: {', '.join(sorted(wanted))}.", code="role")


def approve(
    *,
    card: ReviewCard,
    roles: frozenset[Role],
    barred: frozenset[int],
    note: str,
    edit: Edit | None,
    by: Actor,
) -> bool:
    """Keep one person's approval; True when nobody else is needed, and the caller then decides.

    With another payload than the card's, the approvals before it count no more, nor do those of people who are `barred` by now (their
    ids), because they asked for it or are gone. Refuses: 403 `role` where no open demand takes the person's `roles`, 409
    `already_voted`.
    """
    check_pending(card)
    if edit is not None:
        card.edited_payload, card.asked, card.changes = edit.payload, edit.asked, edit.changes
    payload, person_id = digest_of(card.edited_payload), user_id(by)
    before = list(ReviewVote.objects.filter(card=card, payload=payload).values_list("person_id", "roles"))
    if person_id in {person for person, _ in before}:
        raise conflict(VOTED, code="already_voted")
    counting = [given for person, given in before if person not in barred]
    demands = standing(card.quorum, counting)
    if not takes(demands, roles):
        raise forbidden(not_asked(demands), code="role")
    ReviewVote.objects.create(card=card, person_id=person_id, roles=sorted(roles), payload=payload, note=note.strip())
    demands = standing(card.quorum, [*counting, roles])
    if is_met(demands):
        return True
    # Somebody else must approve it now, so whoever was at it is no longer.
    ReviewCard.objects.filter(pk=card.pk).update(
        **_edited(card), claimed_by=None, claim_expires_at=None, version=F("version") + 1
    )
    card.refresh_from_db()
    tell(ReviewVoted.about(card, by_name=by.name, note=note.strip(), missing=missing(demands)), by=by)
    return False


def decide(*, card: ReviewCard, decision: Decision, note: str, said_at: datetime | None = None, by: Actor) -> None:
    """One winner: 409 `already_decided`, with who and when, for everybody after the first. An approval takes what the card says now,
    edited or not; other decisions drop what was edited. `said_at`: when, where that was before the card."""
    check_pending(card)
    check_note(decision, note)
    if decision is not Decision.APPROVE:
        card.edited_payload = card.changes = None
    CARD.advance(
        card,
        to=DECIDED_AS[decision],
        decided_by_id=user_id(by),
        decided_at=clock.now(),
        decided_early_at=said_at,
        note=note.strip(),
        **_edited(card),
    )
    decided = ReviewDecided.about(
        card, by_name=by.name, note=card.note, edited=card.edited_payload is not None, early=said_at is not None
    )
    tell(decided, by=by)
    proposals.follow(card=card, by=by)


def _edited(card: ReviewCard) -> dict[str, Any]:
    return {"edited_payload": card.edited_payload, "asked": card.asked, "changes": card.changes}


def check_note(decision: Decision, note: str) -> None:
    if decision is not Decision.APPROVE and not visible(note).strip():
        raise invalid(
            "Say why: a rejection or a request for changes needs a note.", field_name="note", code="note_required"
        )


def digest_of(payload: dict[str, Any] | None) -> str:
    """What approvals are bound to: an edited payload by its digest, "" for what was asked."""
    if payload is None:
        return ""
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_edit(card: ReviewCard, decision: Decision, edited_payload: dict[str, Any] | None) -> None:
    """Arguments of an action are as bounded when they are edited as when they are proposed."""
    if edited_payload is None:
        return
    if decision is not Decision.APPROVE or card.kind not in EDITED:
        raise invalid("`edited_payload` goes with the approval of a result or an action.", field_name="edited_payload")
    if card.kind != CardKind.ACTION:
        return
    if len(digests.canonical(edited_payload)) > ARGUMENTS_BYTES_MAX:
        raise invalid(
            f"Arguments of an action have at most {ARGUMENTS_BYTES_MAX} bytes.",
            field_name="edited_payload",
            code="too_large",
        )


def user_id(by: Actor) -> int:
    if by.kind is not ActorKind.PERSON:
        raise Refused("Only a person decides.", code="role", status=403)
    return int(by.id)
