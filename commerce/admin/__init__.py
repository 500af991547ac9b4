"""The console's pages of money."""

from commerce.admin import budgets, transactions  # noqa: F401  (each registers)
