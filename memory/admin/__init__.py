"""The console's pages of memory."""

from memory.admin import erasures, memories, personas, policy  # noqa: F401  (registers)
