"""The console's pages of safety."""

from safety.admin import policies, reviews  # noqa: F401  (registers)
