from memory.models.check import Frozen, MemoryCheck
from memory.models.erasure import ErasureScope, MemoryErasure
from memory.models.index import Generation, GivenUp, Unindexed
from memory.models.persona import ContextShown, Persona, PersonaVersion
from memory.models.policy import MemoryPolicy
from memory.models.record import Category, MemoryRecord, Source, Visibility
from memory.models.sighting import MemorySighting
from memory.models.vector import MemoryVector

__all__ = [
    "Category",
    "ContextShown",
    "ErasureScope",
    "Frozen",
    "Generation",
    "GivenUp",
    "MemoryCheck",
    "MemoryErasure",
    "MemoryPolicy",
    "MemoryRecord",
    "MemorySighting",
    "MemoryVector",
    "Persona",
    "PersonaVersion",
    "Source",
    "Unindexed",
    "Visibility",
]
