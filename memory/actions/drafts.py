"""From what is said of a memory to the columns of its row: screened, with its references found in the tenant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from chimera.kernel import clock, ids
from chimera.kernel.actors import Actor
from chimera.kernel.errors import invalid, not_found
from memory import sameness
from memory.limits import FILE_CHARACTERS_MAX, PERSONA_CHARACTERS_MAX, SENTENCE_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX
from memory.models import Category, MemoryRecord, Source, Visibility
from memory.screening import Deeds, screened
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
    subject: str = ""
    source: Source = field(default_factory=Source)
    visibility: str = Visibility.TENANT
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class References:
    """What several memories refer to, as far as it is the tenant's."""

    sessions: frozenset[UUID]
    session_of: dict[UUID, UUID]  # by task

    @classmethod
    def of(cls, new: Iterable[NewMemory]) -> "References":
        """In at most two statements."""
        sessions = {each.session_id for each in new if each.session_id and not each.task_id}
        tasks = {each.task_id for each in new if each.task_id}
        return cls(
            sessions=frozenset(_rows("session", sessions).values_list("pk", flat=True)) if sessions else frozenset(),
            session_of=dict(_rows("task", tasks).values_list("pk", "session_id")) if tasks else {},
        )

    def session(self, new: NewMemory) -> UUID | None:
        """Its session; 404 for what is not there, 422 for a task of another session."""
        if new.task_id is None:
            if new.session_id is not None and new.session_id not in self.sessions:
                raise not_found("session")
            return new.session_id
        if new.task_id not in self.session_of:
            raise not_found("task")
        session_id = self.session_of[new.task_id]
        if new.session_id not in (None, session_id):
            raise invalid(
                "`task` belongs to another session; leave `session` out.", field_name="session", code="other_session"
            )
        return session_id


def columns_of(new: NewMemory, *, references: References, deeds: Deeds, by: Actor) -> dict[str, Any]:
    """The row's columns; refuses what cannot be, and what the tenant's policy refuses."""
    texts, masked = screened(_texts(new), deeds)
    session_id = references.session(new)
    if new.valid_from and new.valid_until and new.valid_until <= new.valid_from:
        raise invalid("`valid_until` must be later than `valid_from`.", field_name="valid_until")
    if new.visibility == Visibility.SESSION and session_id is None:
        raise invalid("A memory for its session needs `session` or `task`.", field_name="session")
    if new.visibility == Visibility.AGENT and new.agent_id is None:
        raise invalid("Only an agent can keep a memory for itself.", field_name="visibility")
    if new.subject and texts["subject"] != new.subject:
        raise invalid(
            "`subject` names a person as one would write to them; give an id of your own, such as customer-4711.",
            field_name="subject",
            code="sensitive",
        )
    at = clock.now()
    columns = {
        "id": ids.uuid7(),
        "content": bounded(texts["content"]),
        "masked": [str(pattern) for pattern in masked],
        "category": str(new.category),
        "importance_score": new.importance_score,
        "session_id": session_id,
        "task_id": new.task_id,
        "agent_id": new.agent_id,
        "agent_role": new.agent_role,
        "persona": texts["persona"][:PERSONA_CHARACTERS_MAX],
        "subject": new.subject[:SUBJECT_CHARACTERS_MAX],
        "written_by": str(by),
        "source": _source(new.source, texts),
        "visibility": str(new.visibility),
        "valid_from": new.valid_from,
        "valid_until": new.valid_until,
        "created_at": at,
        "seen_at": at,
    }
    return columns | {"digest": sameness.digest_of(columns)}


def _texts(new: NewMemory) -> dict[str, str]:
    """All that is said of it in words of its author's own, by the names that the API has for it."""
    said = {"content": new.content, "persona": new.persona, "subject": new.subject, "source.file": new.source.file}
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


def _rows(reference: str, keys: set[UUID]) -> Any:
    """What a foreign key of a memory means, found among the tenant's rows."""
    relation: Any = MemoryRecord._meta.get_field(reference)
    return relation.related_model._default_manager.filter(pk__in=keys)
