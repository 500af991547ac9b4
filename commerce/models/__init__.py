from commerce.models.budget import BudgetConfig, SpendWindow
from commerce.models.transaction import Transaction
from commerce.models.transition import Transition

__all__ = ["BudgetConfig", "SpendWindow", "Transaction", "Transition"]
