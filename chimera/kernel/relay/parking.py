"""Events that a slow lane put aside: parked with their error, retried by a verb, resolved by their lane."""

import traceback

import structlog

from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.eventlog import Recorded
from chimera.kernel.relay.tables import PARKED, ParkedEvent, ParkedStatus

log = structlog.get_logger()
ERROR_CHARACTERS_MAX = 4_000  # the end of a traceback says what happened


def park(event: Recorded, *, lane: str, attempts: int, fault: Exception) -> None:
    """Put an event aside, in a transaction of chimera_system. One that is parked already stays as it is."""
    log.error(
        "parked",
        lane=lane,
        position=str(event.position),
        type=event.type,
        attempts=attempts,
        error=repr(fault),
    )
    row = ParkedEvent(
        tenant_id=event.tenant_id,
        lane=lane,
        xid=event.position.xid,
        seq=event.position.seq,
        session_id=event.session_id,
        task_id=event.task_id,
        type=event.type,
        payload=event.payload,
        at=event.at,
        actor=event.actor,
        trace_id=event.trace_id,
        error=_told(fault),
        attempts=attempts,
    )
    ParkedEvent.objects.bulk_create([row], ignore_conflicts=True)


def retry_parked(*, parked: ParkedEvent, by: Actor) -> None:
    """Hand a parked event back to its lane, which runs its reactions again, soon and outside this transaction.

    Raises Stale when it is being retried or is resolved already.
    """
    PARKED.advance(parked, to=ParkedStatus.RETRYING, retried_by=str(by), retried_at=clock.now())


def next_to_retry(lane: str) -> ParkedEvent | None:
    with tenancy.system():
        return ParkedEvent.objects.filter(lane=lane, status=ParkedStatus.RETRYING).order_by("id").first()


def settle(parked: ParkedEvent, *, fault: Exception | None) -> None:
    """Record how the retry went: resolved, or parked again with the new error. In a transaction of chimera_system."""
    if fault is None:
        PARKED.advance(parked, to=ParkedStatus.RESOLVED, resolved_at=clock.now())
        log.info("parked_resolved", lane=parked.lane, position=f"{parked.xid}-{parked.seq}")
        return
    PARKED.advance(
        parked,
        to=ParkedStatus.PARKED,
        error=_told(fault),
        parked_at=clock.now(),
        attempts=parked.attempts + 1,
    )
    log.error("parked_again", lane=parked.lane, position=f"{parked.xid}-{parked.seq}", error=repr(fault))


def _told(fault: Exception) -> str:
    text = "".join(traceback.format_exception(fault))
    return text.replace("\x00", "")[-ERROR_CHARACTERS_MAX:]
