"""Carrying an erasure on, from wherever it stands, until nothing is left to do or something is away."""

from uuid import UUID

import structlog

from chimera.kernel import advisory, clock, idempotency, tenancy
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import tell
from memory import receipts
from memory.actions.erasing import outside, rows
from memory.actions.erasing.requesting import name
from memory.events import MemoryErased, MemoryErasureConfirmed
from memory.models import MemoryErasure
from memory.states import ERASURE, ErasureStatus

log = structlog.get_logger()
NOUNS = ("memories", "personas", "reviews")  # whose stored answers have texts of memories


def open_ones() -> list[tuple[UUID, UUID]]:
    """(tenant, erasure) of all that are not confirmed, the oldest first."""
    with tenancy.system():
        found = MemoryErasure.objects.exclude(status=ErasureStatus.CONFIRMED).order_by("pk")
        return list(found.values_list("tenant_id", "pk"))


def go_on(*, tenant_id: UUID, erasure_id: UUID) -> ErasureStatus:
    """As far as it goes; answers where it stands then. Opens its own transactions.

    Two workers may be at one: each slice locks the erasure, and what one has done the other does not find.
    """
    if _status(tenant_id, erasure_id) == ErasureStatus.REQUESTED:
        _drain(tenant_id)  # writers who had not yet committed when it was asked for
        while _slice(tenant_id, erasure_id):
            pass
        _drain(tenant_id)  # searches that still saw a row, and freeze it
        while _page(tenant_id, erasure_id):
            pass
        _personas(tenant_id, erasure_id)
        _end(tenant_id, erasure_id)
    if _status(tenant_id, erasure_id) == ErasureStatus.ERASED:
        _confirm(tenant_id, erasure_id)
    return _status(tenant_id, erasure_id)


def _status(tenant_id: UUID, erasure_id: UUID) -> ErasureStatus:
    with tenancy.bound(tenant_id):
        return ErasureStatus(MemoryErasure.objects.values_list("status", flat=True).get(pk=erasure_id))


def _drain(tenant_id: UUID) -> None:
    with tenancy.bound(tenant_id):
        advisory.hold(name())


def _locked(erasure_id: UUID, status: ErasureStatus) -> MemoryErasure | None:
    held = MemoryErasure.objects.select_for_update(no_key=True).filter(pk=erasure_id, status=status)
    found: MemoryErasure | None = held.first()
    return found


def _slice(tenant_id: UUID, erasure_id: UUID) -> bool:
    """Some of the records, with all that hangs on them; False when there are none left."""
    with tenancy.bound(tenant_id):
        erasure = _locked(erasure_id, ErasureStatus.REQUESTED)
        if erasure is None:
            return False
        if gone := rows.next_slice(erasure):
            rows.erase(erasure, gone)
            return True
        return rows.erase_sightings(erasure)


def _page(tenant_id: UUID, erasure_id: UUID) -> bool:
    with tenancy.bound(tenant_id):
        erasure = _locked(erasure_id, ErasureStatus.REQUESTED)
        return erasure is not None and rows.walk(erasure)


def _personas(tenant_id: UUID, erasure_id: UUID) -> None:
    with tenancy.bound(tenant_id):
        erasure = _locked(erasure_id, ErasureStatus.REQUESTED)
        if erasure is not None:
            rows.erase_personas(erasure)


def _end(tenant_id: UUID, erasure_id: UUID) -> None:
    """Read back: only what is found to be gone is said to be. What came meanwhile is the next look's."""
    with tenancy.bound(tenant_id):
        erasure = _locked(erasure_id, ErasureStatus.REQUESTED)
        if erasure is None or rows.left(erasure, until=erasure.requested_at):
            return
        rows.count(erasure, answers=idempotency.forget(*NOUNS))
        ERASURE.advance(erasure, to=ErasureStatus.ERASED, counts=erasure.counts, erased_at=clock.now())
        tell(MemoryErased.about(erasure, counts=erasure.counts), by=SYSTEM)


def _confirm(tenant_id: UUID, erasure_id: UUID) -> None:
    """Caches and index are asked outside of the transaction that says what they answered."""
    pending = outside.empty(tenant_id=tenant_id, erasure_id=erasure_id)
    with tenancy.bound(tenant_id):
        erasure = _locked(erasure_id, ErasureStatus.ERASED)
        if erasure is None:
            return
        if rows.left(erasure, until=erasure.requested_at):
            pending["postgresql"] = "Something of it is there again; ask for another erasure."
        idempotency.forget(*NOUNS)  # of searches that had read before the rows were gone
        erasure.pending = pending
        if pending:
            log.info("memory_erasure_waits", erasure=str(erasure_id), pending=pending)
            erasure.save(update_fields=["pending"])
            return
        at = clock.now()
        said = receipts.receipt(erasure) | {"status": str(ErasureStatus.CONFIRMED), "confirmed_at": at.isoformat()}
        sealed = receipts.seal(said)
        ERASURE.advance(erasure, to=ErasureStatus.CONFIRMED, pending={}, confirmed_at=at, seal=sealed)
        tell(MemoryErasureConfirmed.about(erasure, seal=sealed), by=SYSTEM)
