"""Who does something. Every verb takes `by`; every event records it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ActorKind(StrEnum):
    AGENT = "agent"
    PERSON = "person"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    kind: ActorKind
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def agent(cls, id: object, name: str) -> Self:
        return cls(ActorKind.AGENT, str(id), name)

    @classmethod
    def person(cls, id: object, name: str) -> Self:
        return cls(ActorKind.PERSON, str(id), name)


SYSTEM = Actor(ActorKind.SYSTEM, "chimera", "Chimera")
