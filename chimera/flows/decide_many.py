"""Decide many: the same decision with the same reason about several cards, each as if it were the only one.

Locks: for each card what decide_review locks, in a transaction of its own. One that is refused (somebody else was first or is at
it, it changed since it was read, the person asked for it) is reported, and holds no other up. Bounded by CARDS_MAX and
SECONDS_MAX; what time did not suffice for is reported too.
Dies anywhere: what is decided is decided, the others wait; the same call again does the rest.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from chimera.flows.decide_review import decide_review
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict, invalid
from chimera.kernel.http.problem import as_refusal
from chimera.kernel.relay.slow_lane import is_outage
from chimera.kernel.spelling import visible
from safety.models import ReviewCard
from safety.states import Decision

CARDS_MAX = 100  # as many as a person ticks on two pages
SECONDS_MAX = 10  # proxies cut a call at thirty

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A card, and the version of it that was read; None takes it as it is."""

    card_id: UUID
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one: its `status`, or why it was left as it is (`code`, `detail`)."""

    card_id: UUID
    status: str = ""
    code: str = ""
    detail: str = ""


def decide_many(
    *, tenant_id: UUID, chosen: Sequence[Chosen], decision: Decision, note: str, by: Actor
) -> list[Outcome]:
    """In the order given, each card once. Outside of any transaction. 422 without a reason. Raises when PostgreSQL is away."""
    if not visible(note).strip():
        raise invalid("Say why: one reason for all of them.", field_name="note", code="note_required")
    ends = time.monotonic() + SECONDS_MAX
    outcomes: dict[UUID, Outcome] = {}
    for one in chosen:
        if one.card_id in outcomes:
            continue
        if time.monotonic() > ends:
            late = "Time was up before it was its turn; decide it again."
            outcomes[one.card_id] = Outcome(one.card_id, code="not_reached", detail=late)
        else:
            outcomes[one.card_id] = _outcome(tenant_id, one, decision, note, by)
    return list(outcomes.values())


def _outcome(tenant_id: UUID, one: Chosen, decision: Decision, note: str, by: Actor) -> Outcome:
    try:
        with tenancy.bound(tenant_id):
            _check_nobody_else_is_at_it(one.card_id, by)
            card = decide_review(
                card_id=one.card_id,
                decision=decision,
                note=note,
                edited_payload=None,
                seen_version=one.version,
                by=by,
            )
            return Outcome(one.card_id, status=str(card.status))
    except Exception as fault:
        if is_outage(fault):
            raise
        refusal = as_refusal(fault)
        if refusal is None:
            log.exception("batch_decision_failed", card=str(one.card_id))
            return Outcome(one.card_id, code="internal", detail="Something broke on our side; the log says what.")
        return Outcome(one.card_id, code=refusal.code, detail=refusal.detail)


def _check_nobody_else_is_at_it(card_id: UUID, by: Actor) -> None:
    """Who decides one card at a time sees who is at it; in a batch nobody would. 409 `claimed`."""
    found = ReviewCard.objects.select_related("claimed_by").filter(pk=card_id, claim_expires_at__gt=clock.now()).first()
    if found and found.claimed_by and found.claimed_by_id != int(by.id):
        raise conflict(f"{found.claimed_by} is looking at it until {found.claim_expires_at:%H:%M} UTC.", code="claimed")
