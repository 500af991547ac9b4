"""The console's pages of safety."""

from safety.admin import reviews  # noqa: F401  (registers)
