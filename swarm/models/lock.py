"""Locks that agents take on things outside: a file, a printer, an account."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from swarm.queries import LockQuerySet

RESOURCE_CHARACTERS_MAX = 200  # a name, an address or a path; what is longer is no name


class ResourceLock(TenantOwned):
    """Who holds a resource, or held it last. One row per resource; its id and number are new with each holder.

    `fencing_number` comes from a sequence that survives the row, so that it only ever grows, also for a resource whose
    row was swept in between. Of the owner's token only the SHA-256 is here.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    resource = models.CharField(max_length=RESOURCE_CHARACTERS_MAX)
    fencing_number = models.BigIntegerField()
    owner_digest = models.BinaryField(max_length=32)
    holder = models.CharField(max_length=120)  # as in the event log, "agent:…"
    holder_name = models.CharField(max_length=150)
    acquired_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)

    objects = LockQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "resource"], name="lock_once_per_resource"),
            models.CheckConstraint(condition=~Q(resource=""), name="lock_resource_named"),
            models.CheckConstraint(condition=Q(fencing_number__gte=1), name="lock_fencing_number"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="lock_end")]  # the list of current ones, and the sweep

    def __str__(self) -> str:
        return f"lock on {self.resource}"

    def is_held(self, at: datetime) -> bool:
        return self.released_at is None and self.expires_at > at
