"""Asking for an erasure, and what other verbs ask of it."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from chimera.kernel import advisory, jobs, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import invalid, not_found
from chimera.kernel.eventlog import tell
from memory import receipts
from memory.actions import policies
from memory.events import MemoryErasureRequested
from memory.limits import REASON_CHARACTERS_MAX
from memory.models import ErasureScope, MemoryErasure, MemoryRecord
from memory.screening import screened

JOB = "chimera.housekeeping.erase_memories"
PERSON_DIGITS_MAX = 10


def name() -> str:
    """The advisory name that writers of memory share, and an erasure holds for a moment to wait for them."""
    return f"{tenancy.current()}|memory-erasure"


def share() -> None:
    """By whoever writes memory or copies of it, before the first row is read: the erasure waits, and finds the copy."""
    advisory.share(name())


def request(*, scope: ErasureScope, whose: str, reason: str, by: Actor) -> MemoryErasure:
    """Have it erased, soon. 404 for a session or agent that is not the tenant's, 422 for what names nobody."""
    said, _ = screened({"reason": reason}, policies.deeds())
    erasure: MemoryErasure = MemoryErasure.objects.create(
        scope=scope,
        whose=_found(scope, whose),
        reason=said["reason"][:REASON_CHARACTERS_MAX],
        requested_by=str(by),
        beyond=receipts.BEYOND,
    )
    tell(MemoryErasureRequested.about(erasure), by=by)
    jobs.soon(JOB)
    return erasure


def covers(*, session_id: UUID | None, agent_id: UUID | None, made_at: datetime) -> bool:
    """Whether what was made then is erased, or about to be."""
    asked = Q(scope=ErasureScope.TENANT)
    if session_id:
        asked |= Q(scope=ErasureScope.SESSION, whose=str(session_id))
    if agent_id:
        asked |= Q(scope=ErasureScope.AGENT, whose=str(agent_id))
    return MemoryErasure.objects.filter(asked, requested_at__gte=made_at).exists()


def _found(scope: ErasureScope, whose: str) -> str:
    match scope:
        case ErasureScope.TENANT:
            if whose:
                raise invalid("`tenant` is yours alone; leave `whose` out.", field_name="whose")
            return ""
        case ErasureScope.SESSION | ErasureScope.AGENT:
            return str(_row(scope, whose))
        case ErasureScope.PERSON:
            if not (whose.isascii() and whose.isdigit() and len(whose) <= PERSON_DIGITS_MAX):
                raise invalid(
                    "`whose` must be a person's number, as `written_by` of their memories has it.", field_name="whose"
                )
        case ErasureScope.SUBJECT:
            if not whose.strip():
                raise invalid("`whose` must be the subject, as memories name it.", field_name="whose")
    return whose


def _row(scope: ErasureScope, whose: str) -> UUID:
    try:
        key = UUID(whose)
    except ValueError:
        raise invalid(f"`whose` must be the id of the {scope}.", field_name="whose") from None
    relation = MemoryRecord._meta.get_field(str(scope))
    if not relation.related_model._default_manager.filter(pk=key).exists():  # type: ignore[union-attr]
        raise not_found(str(scope))
    return key
