"""Memories: add, remember a result, supersede, forget."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused, Stale, conflict, forbidden
from chimera.kernel.eventlog import tell
from memory.actions import erasing, keeping, policies, vectors
from memory.actions.drafts import IMPORTANCE_DEFAULT, NewMemory, References, columns_of
from memory.actions.keeping import Came, Kept
from memory.events import MemoryAdded, MemoryForgotten, MemoryRefused, MemorySuperseded
from memory.limits import REASON_CHARACTERS_MAX
from memory.models import MemoryRecord, MemorySighting, Visibility
from memory.screening import Sensitive, screened

WIDTH: dict[str, int] = {
    Visibility.TENANT: 2,
    Visibility.SESSION: 1,
    Visibility.AGENT: 0,
}  # who sees it: all, a session, one
__all__ = [
    "IMPORTANCE_DEFAULT",
    "NewMemory",
    "add",
    "add_all",
    "check_may_forget",
    "check_may_supersede",
    "forget",
    "remember",
    "supersede",
]


def add(*, new: NewMemory, by: Actor) -> Kept:
    """Keep a memory. It is found by its words at once, and by its meaning when the memory lane has embedded it.

    Words that are known in the same place are one more sighting of the memory that has them (memory.sameness). What its tenant's policy
    masks is not in it; 422 `sensitive` for what the policy refuses (memory.screening).
    """
    (kept,) = keeping.keep_all([_columns(new, by)], by=by)
    return kept


def add_all(*, new: Sequence[NewMemory], by: Actor) -> list[Kept | Refused]:
    """Several, each on its own: a refusal stands in the place of what is refused. At most BATCH_MAX."""
    deeds, references = policies.deeds(), References.of(new)
    read: list[dict[str, Any] | Refused] = []
    for each in new:
        try:
            read.append(columns_of(each, references=references, deeds=deeds, by=by))
        except Refused as refusal:
            read.append(refusal)
    kept = iter(keeping.keep_all([columns for columns in read if not isinstance(columns, Refused)], by=by))
    return [columns if isinstance(columns, Refused) else next(kept) for columns in read]


def remember(*, result_id: UUID, made_at: datetime, new: NewMemory, by: Actor) -> MemoryRecord | None:
    """Keep what a result taught, once: None when it is remembered already, also by somebody who is just doing it, and when what was made
    at that time is erased.

    None, and MemoryRefused is told, when the policy refuses what stands in it: nobody is there to write it otherwise.
    """
    erasing.share()
    if _is_remembered(result_id) or erasing.covers(session_id=new.session_id, agent_id=new.agent_id, made_at=made_at):
        return None
    try:
        columns = _columns(new, by) | {"source_result": result_id}
    except Sensitive as sensitive:
        tell(_refused(result_id, new, sensitive), by=by)
        return None
    (kept,) = keeping.keep_all([columns], by=by)
    return kept.memory if kept.came != Came.KNOWN else None


def supersede(*, memory_id: UUID, new: NewMemory, by: Actor) -> MemoryRecord:
    """Put another memory in the place of one, from the new one's `valid_from` on (default: now).

    Searches as of an earlier time still find the old one. 409 when it was superseded or forgotten before, and when the two say the same.
    """
    old: MemoryRecord = (
        MemoryRecord.objects.select_for_update(no_key=True, of=("self",)).light().get_or_refuse(memory_id)
    )
    _check_present(old)
    columns = _columns(replace(new, valid_from=new.valid_from or clock.now()), by)
    fresh, made = keeping.standing_for(columns)
    if fresh.pk == old.pk:
        raise conflict("It says what it would supersede, in the same place and window.", code="same_memory")
    _change(old, superseded_by_id=fresh.pk, superseded_at=fresh.valid_from)
    told = [MemoryAdded.about(fresh)] if made else []
    tell(*told, MemorySuperseded.about(old, superseded_by=fresh.pk), by=by)
    return fresh


def forget(*, memory: MemoryRecord, reason: str, by: Actor) -> None:
    """Nobody finds it any more, and its vector is dropped; the row stays for those who must account for it."""
    if memory.forgotten_at is not None:
        raise conflict("This memory is forgotten already.", code="memory_forgotten")
    said, _ = screened({"reason": reason}, policies.deeds())
    reason = said["reason"][:REASON_CHARACTERS_MAX]
    _change(memory, forgotten_at=clock.now(), forgotten_reason=reason, embedding_model="")
    vectors.drop([memory.pk])
    tell(MemoryForgotten.about(memory, reason=reason), by=by)


def check_may_forget(*, memory: MemoryRecord, agent_id: UUID | None) -> None:
    """An agent forgets what it remembered itself; what others know is for people to forget."""
    if agent_id is not None and memory.agent_id != agent_id:
        raise forbidden(
            "An agent may forget its own memories only; supersede this one, or ask an operator.",
            code="not_yours",
        )


def check_may_supersede(*, old: MemoryRecord, new: NewMemory, agent_id: UUID | None) -> None:
    """An agent corrects what others know where they know it: it takes nothing out of their sight."""
    if agent_id is None or old.agent_id == agent_id:
        return
    elsewhere = new.visibility == Visibility.SESSION and new.session_id not in (None, old.session_id)
    if WIDTH[new.visibility] < WIDTH[old.visibility] or elsewhere:
        raise forbidden(
            "This memory is not yours, so its correction must be seen by all who see it; leave `visibility` and `session` out.",
            code="not_yours",
        )


def _check_present(memory: MemoryRecord) -> None:
    if memory.forgotten_at is not None:
        raise conflict("This memory is forgotten; add a new one.", code="memory_forgotten")
    if memory.superseded_at is not None:
        newer = memory.superseded_by_id
        raise conflict(
            "This memory is superseded already; "
            + ("supersede the newer one." if newer else "what took its place is erased, so add a new one."),
            code="memory_superseded",
            superseded_by=str(newer) if newer else None,
        )


def _change(memory: MemoryRecord, **changes: Any) -> None:
    """Compare-and-set on the version."""
    guarded = MemoryRecord.objects.filter(pk=memory.pk, version=memory.version)
    if guarded.update(version=F("version") + 1, **changes) != 1:
        raise Stale("This memory changed while you were at it; read it again.")
    for name, value in (changes | {"version": memory.version + 1}).items():
        setattr(memory, name, value)


def _columns(new: NewMemory, by: Actor) -> dict[str, Any]:
    return columns_of(new, references=References.of([new]), deeds=policies.deeds(), by=by)


def _is_remembered(result_id: UUID) -> bool:
    """Also where it is forgotten since."""
    firsts = MemoryRecord.objects.filter(source_result=result_id)
    return firsts.exists() or MemorySighting.objects.filter(source_result=result_id).exists()


def _refused(result_id: UUID, new: NewMemory, sensitive: Sensitive) -> MemoryRefused:
    return MemoryRefused(
        aggregate_id=result_id,
        aggregate_version=1,
        session_id=new.session_id,
        task_id=new.task_id,
        patterns=[str(pattern) for pattern in sensitive.patterns],
        agent=new.agent_id,
    )
