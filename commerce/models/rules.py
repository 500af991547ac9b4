"""Rules of budgets, version after version."""

import json
from functools import lru_cache

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from commerce.models.budget import BudgetConfig
from commerce.queries import RulesQuerySet
from commerce.rules import Rules


class BudgetRules(TenantOwned):
    """What one version of a budget's rules says (commerce.rules). Never changed or removed: a refusal names its version.

    The one that acts is the budget's `rules_version`, which is the newest.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    budget = models.ForeignKey(BudgetConfig, on_delete=models.PROTECT, related_name="rules", db_index=False)
    version = models.PositiveIntegerField()
    rules = models.JSONField()
    created_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = RulesQuerySet.as_manager()

    class Meta:
        verbose_name = "rules"
        verbose_name_plural = "rules"
        constraints = [
            models.UniqueConstraint(fields=["budget", "version"], name="rules_version_once"),
            models.CheckConstraint(name="rules_version_from_one", condition=Q(version__gte=1)),
        ]

    def __str__(self) -> str:
        return f"rules {self.version} of budget {str(self.budget_id)[-6:]}"

    @property
    def parsed(self) -> Rules:
        return _parsed(json.dumps(self.rules))


@lru_cache(maxsize=256)  # rules with long lists take milliseconds to read, and are asked with every spend
def _parsed(text: str) -> Rules:
    return Rules.model_validate(json.loads(text))
