"""HTTP shapes of money (/api/docs/). Requests are strict; responses add fields, and never rename one."""

from commerce.serializers.budgets import (
    BudgetChange,
    BudgetShape,
    ForecastShape,
    IncreaseShape,
    NewBudget,
    NewIncrease,
    UsageShape,
    WindowShape,
)
from commerce.serializers.rules import (
    NewRules,
    PreviewDifference,
    PreviewedRules,
    PreviewOutcome,
    PreviewShape,
    RulesShape,
)
from commerce.serializers.statements import FiguresShape, StatementLine, StatementShape
from commerce.serializers.transactions import (
    Capture,
    DeniedShape,
    NewTransaction,
    TransactionShape,
    Void,
    VoidByHand,
)

__all__ = [
    "BudgetChange",
    "BudgetShape",
    "Capture",
    "DeniedShape",
    "FiguresShape",
    "ForecastShape",
    "IncreaseShape",
    "NewBudget",
    "NewIncrease",
    "NewRules",
    "NewTransaction",
    "PreviewDifference",
    "PreviewOutcome",
    "PreviewShape",
    "PreviewedRules",
    "RulesShape",
    "StatementLine",
    "StatementShape",
    "TransactionShape",
    "UsageShape",
    "Void",
    "VoidByHand",
    "WindowShape",
]
