"""What can be told about memories. No text of theirs: a session's viewers may not be allowed to read a private one."""

from typing import Any, ClassVar, Self
from uuid import UUID

from chimera.kernel.eventlog import Fact


class MemoryFact(Fact):
    category: str
    visibility: str
    agent: UUID | None = None
    agent_role: str = ""

    @classmethod
    def about(cls, memory: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=memory.pk,
            aggregate_version=memory.version,
            session_id=memory.session_id,
            task_id=memory.task_id,
            category=str(memory.category),
            visibility=str(memory.visibility),
            agent=memory.agent_id,
            agent_role=memory.agent_role,
            **more,
        )


class MemoryAdded(MemoryFact):
    """Its text is kept and found by its words; its vector comes later, by the memory lane."""

    type: ClassVar[str] = "memory.memory.added"
    result: UUID | None = None


class MemorySuperseded(MemoryFact):
    type: ClassVar[str] = "memory.memory.superseded"
    superseded_by: UUID


class MemoryForgotten(MemoryFact):
    type: ClassVar[str] = "memory.memory.forgotten"
    reason: str
