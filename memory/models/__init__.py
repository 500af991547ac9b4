from memory.models.check import Frozen, MemoryCheck
from memory.models.policy import MemoryPolicy
from memory.models.record import Category, MemoryRecord, Source, Visibility

__all__ = ["Category", "Frozen", "MemoryCheck", "MemoryPolicy", "MemoryRecord", "Source", "Visibility"]
