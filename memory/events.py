"""What can be told about memories. No text of theirs: a session's viewers may not be allowed to read a private one."""

from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from chimera.kernel.eventlog import Fact


class MemoryFact(Fact):
    category: str
    visibility: str
    agent: UUID | None = None
    agent_role: str = ""
    masked: list[str] = []  # kinds of what its text is kept without

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
            masked=memory.masked,
            **more,
        )


class MemoryAdded(MemoryFact):
    """Its text is kept and found by its words; its vector comes later, by the memory lane."""

    type: ClassVar[str] = "memory.memory.added"
    result: UUID | None = None


class MemorySeen(MemoryFact):
    """The same words came from elsewhere. They weigh more from now on; the version, which is of what is said, stays."""

    type: ClassVar[str] = "memory.memory.seen"
    sightings: int


class MemorySuperseded(MemoryFact):
    type: ClassVar[str] = "memory.memory.superseded"
    superseded_by: UUID


class MemoryRefused(Fact):
    """A result's text is not remembered, because of what stands in it: `patterns`, as policies name them. Told again where the result is
    read again after a crash."""

    type: ClassVar[str] = "memory.memory.refused"
    patterns: list[str]
    agent: UUID | None = None


class MemoryPolicyChanged(Fact):
    """`screening` names what is not as usual, `fading` what fades (memory.fading.Fading); {} where nothing does."""

    type: ClassVar[str] = "memory.policy.changed"
    screening: dict[str, str]
    fading: dict[str, Any] = {}

    @classmethod
    def about(cls, policy: Any) -> Self:
        return cls(
            aggregate_id=policy.pk, aggregate_version=policy.version, screening=policy.screening, fading=policy.fading
        )


class MemoryForgotten(MemoryFact):
    type: ClassVar[str] = "memory.memory.forgotten"
    reason: str


class PersonaFact(Fact):
    """`persona` is the id of its SOUL.md, `number` the version that is current since, `sha256` the hash of its text."""

    persona: str
    number: int
    sha256: str

    @classmethod
    def about(cls, persona: Any, version: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=persona.pk,
            aggregate_version=persona.version,
            persona=persona.key,
            number=version.number,
            sha256=version.sha256,
            **more,
        )


class PersonaAdded(PersonaFact):
    """A text that this persona has not had before: its next version. `contradictions` of its body with the honesty directive, by kind."""

    type: ClassVar[str] = "memory.persona.added"
    masked: list[str]
    contradictions: list[str]


class PersonaReturned(PersonaFact):
    """A text that it has had is current again, as the version that it was."""

    type: ClassVar[str] = "memory.persona.returned"


class PersonaRetired(PersonaFact):
    type: ClassVar[str] = "memory.persona.retired"
    reason: str


class ContextShown(Fact):
    """An agent was given a context for its task: of which persona, how many memories stood in it, and how much was left out."""

    type: ClassVar[str] = "memory.context.shown"
    agent: UUID
    persona: str
    number: int
    sha256: str  # of its text
    memories: int
    left_out: int
    used_tokens: int


class MemoryErasureRequested(Fact):
    """Whose memory is to be erased stands in the erasure alone."""

    type: ClassVar[str] = "memory.erasure.requested"
    scope: str

    @classmethod
    def about(cls, erasure: Any, **more: Any) -> Self:
        return cls(aggregate_id=erasure.pk, aggregate_version=erasure.version, scope=str(erasure.scope), **more)


class MemoryErased(MemoryErasureRequested):
    """PostgreSQL has nothing of it any more. `counts`: how many rows of which kind are gone or blank."""

    type: ClassVar[str] = "memory.erasure.erased"
    counts: dict[str, int]


class MemoryErasureConfirmed(MemoryErasureRequested):
    """Nor has any index or cache. `seal` is the digest of the receipt."""

    type: ClassVar[str] = "memory.erasure.confirmed"
    seal: str


class Retrieved(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    version: int
    score: float


class MemoryCheckFrozen(Fact):
    """What an agent was shown for its task, the best first; nothing when nothing was found. `index` proposed it, `embedding_model` made the
    vectors that were compared, "" when none were."""

    type: ClassVar[str] = "memory.check.frozen"
    agent: UUID
    attempt: int
    mode: str
    index: str
    embedding_model: str
    memories: list[Retrieved]

    @classmethod
    def about(cls, check: Any, *, session_id: UUID) -> Self:
        return cls(
            aggregate_id=check.pk,
            aggregate_version=1,
            session_id=session_id,
            task_id=check.task_id,
            agent=check.agent_id,
            attempt=check.attempt,
            mode=check.mode,
            index=check.index,
            embedding_model=check.embedding_model,
            memories=[Retrieved(id=m["id"], version=m["version"], score=m["score"]) for m in check.memories],
        )
