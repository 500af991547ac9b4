"""The console's pages of money."""

from commerce.admin import budgets, increases, statements, transactions  # noqa: F401  (each registers)
