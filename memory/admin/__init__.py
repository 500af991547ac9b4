"""The console's pages of memory."""

from memory.admin import memories, personas  # noqa: F401  (registers)
