"""Memories: add, remember a result, supersede, forget."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale, conflict, forbidden, invalid, not_found
from chimera.kernel.eventlog import tell
from memory.actions import policies
from memory.events import MemoryAdded, MemoryForgotten, MemoryRefused, MemorySuperseded
from memory.limits import FILE_CHARACTERS_MAX, PERSONA_CHARACTERS_MAX, REASON_CHARACTERS_MAX, SENTENCE_CHARACTERS_MAX
from memory.models import Category, MemoryRecord, Source, Visibility
from memory.screening import Sensitive, screened
from memory.texts import bounded

IMPORTANCE_DEFAULT = Decimal("0.5")  # nobody said; neither lifted nor sunk


@dataclass(frozen=True, kw_only=True)
class NewMemory:
    """What is said of a memory to be. A task without a session brings its own."""

    content: str
    category: str = Category.EPISODIC
    importance_score: Decimal = IMPORTANCE_DEFAULT
    session_id: UUID | None = None
    task_id: UUID | None = None
    agent_id: UUID | None = None
    agent_role: str = ""
    persona: str = ""
    source: Source = field(default_factory=Source)
    visibility: str = Visibility.TENANT
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def add(*, new: NewMemory, by: Actor) -> MemoryRecord:
    """Keep a memory. It is found by its words at once, and by its meaning when the memory lane has embedded it.

    What its tenant's policy masks is not in it; 422 `sensitive` for what the policy refuses (memory.screening).
    """
    memory: MemoryRecord = MemoryRecord.objects.create(**_columns(new))
    tell(MemoryAdded.about(memory), by=by)
    return memory


def remember(*, result_id: UUID, new: NewMemory, by: Actor) -> MemoryRecord | None:
    """Keep what a result taught, once: None when it is remembered already, also by somebody who is just doing it.

    None, and MemoryRefused is told, when the policy refuses what stands in it: nobody is there to write it otherwise.
    """
    try:
        columns = _columns(new)
    except Sensitive as sensitive:
        tell(_refused(result_id, new, sensitive), by=by)
        return None
    memory, created = MemoryRecord.objects.get_or_create(source_result=result_id, defaults=columns)
    if not created:
        return None
    tell(MemoryAdded.about(memory, result=result_id), by=by)
    return memory


def supersede(*, memory_id: UUID, new: NewMemory, by: Actor) -> MemoryRecord:
    """Put another memory in the place of one, from the new one's `valid_from` on (default: now).

    Searches as of an earlier time still find the old one. 409 when it was superseded or forgotten before.
    """
    old: MemoryRecord = (
        MemoryRecord.objects.select_for_update(no_key=True, of=("self",)).light().get_or_refuse(memory_id)
    )
    _check_present(old)
    columns = _columns(new) | {"valid_from": new.valid_from or clock.now()}
    fresh: MemoryRecord = MemoryRecord.objects.create(**columns)
    _change(old, superseded_by_id=fresh.pk, superseded_at=fresh.valid_from)
    tell(MemoryAdded.about(fresh), MemorySuperseded.about(old, superseded_by=fresh.pk), by=by)
    return fresh


def forget(*, memory: MemoryRecord, reason: str, by: Actor) -> None:
    """Nobody finds it any more, and its vector is dropped; the row stays for those who must account for it."""
    if memory.forgotten_at is not None:
        raise conflict("This memory is forgotten already.", code="memory_forgotten")
    said, _ = screened({"reason": reason}, policies.deeds())
    reason = said["reason"][:REASON_CHARACTERS_MAX]
    _change(memory, forgotten_at=clock.now(), forgotten_reason=reason, embedding=None, embedding_model="")
    tell(MemoryForgotten.about(memory, reason=reason), by=by)


def check_may_forget(*, memory: MemoryRecord, agent_id: UUID | None) -> None:
    """An agent forgets what it remembered itself; what others know is for people to forget."""
    if agent_id is not None and memory.agent_id != agent_id:
        raise forbidden(
            "An agent may forget its own memories only; supersede this one, or ask an operator.",
            code="not_yours",
        )


def _check_present(memory: MemoryRecord) -> None:
    if memory.forgotten_at is not None:
        raise conflict("This memory is forgotten; add a new one.", code="memory_forgotten")
    if memory.superseded_by_id is not None:
        raise conflict(
            "This memory is superseded already; supersede the newer one.",
            code="memory_superseded",
            superseded_by=str(memory.superseded_by_id),
        )


def _change(memory: MemoryRecord, **changes: Any) -> None:
    """Compare-and-set on the version."""
    guarded = MemoryRecord.objects.filter(pk=memory.pk, version=memory.version)
    if guarded.update(version=F("version") + 1, **changes) != 1:
        raise Stale("This memory changed while you were at it; read it again.")
    for name, value in (changes | {"version": memory.version + 1}).items():
        setattr(memory, name, value)


def _columns(new: NewMemory) -> dict[str, Any]:
    """The row's columns, screened, with references resolved in the tenant; refuses what cannot be."""
    texts, masked = screened(_texts(new), policies.deeds())
    session_id = _session_of(new)
    if new.valid_from and new.valid_until and new.valid_until <= new.valid_from:
        raise invalid("`valid_until` must be later than `valid_from`.", field_name="valid_until")
    if new.visibility == Visibility.SESSION and session_id is None:
        raise invalid("A memory for its session needs `session` or `task`.", field_name="session")
    if new.visibility == Visibility.AGENT and new.agent_id is None:
        raise invalid("Only an agent can keep a memory for itself.", field_name="visibility")
    return {
        "content": bounded(texts["content"]),
        "masked": [str(pattern) for pattern in masked],
        "category": new.category,
        "importance_score": new.importance_score,
        "session_id": session_id,
        "task_id": new.task_id,
        "agent_id": new.agent_id,
        "agent_role": new.agent_role,
        "persona": texts["persona"][:PERSONA_CHARACTERS_MAX],
        "source": _source(new.source, texts),
        "visibility": new.visibility,
        "valid_from": new.valid_from,
        "valid_until": new.valid_until,
        "created_at": clock.now(),
    }


def _texts(new: NewMemory) -> dict[str, str]:
    """All that is said of it in words of its author's own, by the names that the API has for it."""
    said = {"content": new.content, "persona": new.persona, "source.file": new.source.file}
    if isinstance(new.source.sentence, str):
        said["source.sentence"] = new.source.sentence
    return {name: text for name, text in said.items() if text is not None}


def _source(source: Source, texts: dict[str, str]) -> dict[str, object]:
    clean: dict[str, object] = {}
    if source.file is not None:
        clean["file"] = texts["source.file"][:FILE_CHARACTERS_MAX]
    if isinstance(source.sentence, str):
        clean["sentence"] = texts["source.sentence"][:SENTENCE_CHARACTERS_MAX]
    return source.model_copy(update=clean).stored()


def _refused(result_id: UUID, new: NewMemory, sensitive: Sensitive) -> MemoryRefused:
    return MemoryRefused(
        aggregate_id=result_id,
        aggregate_version=1,
        session_id=new.session_id,
        task_id=new.task_id,
        patterns=[str(pattern) for pattern in sensitive.patterns],
        agent=new.agent_id,
    )


def _session_of(new: NewMemory) -> UUID | None:
    if new.task_id is None:
        return _existing("session", new.session_id).pk if new.session_id else None
    session_id: UUID = _existing("task", new.task_id).session_id
    if new.session_id not in (None, session_id):
        raise invalid(
            "`task` belongs to another session; leave `session` out.",
            field_name="session",
            code="other_session",
        )
    return session_id


def _existing(reference: str, key: UUID) -> Any:
    """What a foreign key of a memory means, found among the tenant's rows."""
    relation: Any = MemoryRecord._meta.get_field(reference)
    found = relation.related_model._default_manager.filter(pk=key).first()
    if found is None:
        raise not_found(reference)
    return found
