"""Paths of money, below /api/v1/."""

from django.urls import path

from commerce.api.budgets import Budget, Budgets, BudgetUsage
from commerce.api.increases import BudgetIncreases, IncreaseRevocation
from commerce.api.rules import BudgetRules, BudgetRulesPreview, BudgetRulesVersions
from commerce.api.statements import Statements
from commerce.api.transactions import Transaction, TransactionCapture, Transactions, TransactionVoid

urlpatterns = [
    path("transactions", Transactions.as_view()),
    path("transactions/<uuid:transaction_id>", Transaction.as_view()),
    path("transactions/<uuid:transaction_id>/capture", TransactionCapture.as_view()),
    path("transactions/<uuid:transaction_id>/void", TransactionVoid.as_view()),
    path("budgets", Budgets.as_view()),
    path("budgets/<uuid:budget_id>", Budget.as_view()),
    path("budgets/<uuid:budget_id>/usage", BudgetUsage.as_view()),
    path("budgets/<uuid:budget_id>/increases", BudgetIncreases.as_view()),
    path("budgets/<uuid:budget_id>/rules", BudgetRules.as_view()),
    path("budgets/<uuid:budget_id>/rules/versions", BudgetRulesVersions.as_view()),
    path("budgets/<uuid:budget_id>/rules/preview", BudgetRulesPreview.as_view()),
    path("increases/<uuid:increase_id>/revoke", IncreaseRevocation.as_view()),
    path("statements", Statements.as_view()),
]
