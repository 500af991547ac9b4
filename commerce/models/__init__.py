from commerce.models.budget import BudgetConfig, SpendWindow
from commerce.models.increase import LimitIncrease
from commerce.models.rules import BudgetRules
from commerce.models.statement import Statement
from commerce.models.transaction import Transaction
from commerce.models.transition import Transition

__all__ = ["BudgetConfig", "BudgetRules", "LimitIncrease", "SpendWindow", "Statement", "Transaction", "Transition"]
