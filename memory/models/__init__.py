from memory.models.check import Frozen, MemoryCheck
from memory.models.record import Category, MemoryRecord, Source, Visibility

__all__ = ["Category", "Frozen", "MemoryCheck", "MemoryRecord", "Source", "Visibility"]
