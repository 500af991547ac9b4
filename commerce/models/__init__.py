from commerce.models.budget import BudgetConfig, SpendWindow
from commerce.models.transaction import Transaction

__all__ = ["BudgetConfig", "SpendWindow", "Transaction"]
