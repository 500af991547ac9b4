"""What a tenant has said of how its memory is to be kept."""

from django.db import models

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned


class MemoryPolicy(TenantOwned):
    """One row, from the first change on; whoever has none has what is usual (memory.screening)."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    screening = models.JSONField(default=dict)  # pattern → refuse, mask or keep, where it is not the usual
    fading = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField())
    )  # memory.fading.Fading; {}: nothing fades
    version = models.PositiveIntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "memory policy"
        verbose_name_plural = "memory policies"
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="memory_policy_one_per_tenant")]

    def __str__(self) -> str:
        return f"memory policy, version {self.version}"
