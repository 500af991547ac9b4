"""The console's pages of memory."""

from memory.admin import memories  # noqa: F401  (registers)
