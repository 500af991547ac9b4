"""The console's pages of safety."""

from safety.admin import actions, deliveries, early, policies, reviews, targets  # noqa: F401  (registers)
