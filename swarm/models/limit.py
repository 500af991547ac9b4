"""How many tasks may run at once: in all, of a role, or under a concurrency key."""

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from swarm.states import LimitScope


class ConcurrencyLimit(Versioned, TenantOwned):
    """`value` is the role or the key that it is about; empty for the tenant's own, and for what a key has by default."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    scope = models.CharField(max_length=8, choices=[(s.value, s.value) for s in LimitScope])
    value = models.CharField(max_length=200, blank=True)
    running_max = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "scope", "value"], name="limit_once"),
            models.CheckConstraint(condition=Q(scope__in=[s.value for s in LimitScope]), name="limit_scope"),
            models.CheckConstraint(condition=~Q(scope=LimitScope.TENANT) | Q(value=""), name="limit_of_tenant"),
            models.CheckConstraint(condition=~Q(scope=LimitScope.ROLE) | ~Q(value=""), name="limit_of_role"),
        ]

    def __str__(self) -> str:
        return f"{self.running_max} of {self.scope} {self.value}".strip()
