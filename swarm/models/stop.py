"""Stops of a tenant, or of everything: whoever reads one that acts hands out nothing, or accepts nothing."""

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from swarm.queries import StopQuerySet
from swarm.states import StopKind, StopScope

ACTOR_CHARACTERS_MAX = 120
NAME_CHARACTERS_MAX = 150


class Stop(models.Model):
    """Acts from its commit until it is lifted. Without a tenant it acts on all, each of whom sees it and none can change it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    tenant_id = models.UUIDField(null=True, editable=False)
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in StopKind])
    reason = models.TextField()
    by = models.CharField(max_length=ACTOR_CHARACTERS_MAX)  # as in the event log, "person:7"
    by_name = models.CharField(max_length=NAME_CHARACTERS_MAX)
    at = models.DateTimeField(default=clock.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=ACTOR_CHARACTERS_MAX, blank=True, default="")
    lifted_by_name = models.CharField(max_length=NAME_CHARACTERS_MAX, blank=True, default="")
    lift_reason = models.TextField(blank=True, default="")

    objects = StopQuerySet.as_manager()

    class Meta:
        constraints = [
            # One of each tenant and one of everything; every guarded write looks here, so it holds those that act alone.
            models.UniqueConstraint(
                fields=["tenant_id"], condition=Q(lifted_at__isnull=True), nulls_distinct=False, name="stop_acts_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=[str(k) for k in StopKind]), name="stop_kind"),
            models.CheckConstraint(condition=~Q(reason=""), name="stop_reasoned"),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by="") | (Q(lifted_at__isnull=False) & ~Q(lifted_by="")),
                name="stop_lifted_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.scope}"

    @property
    def scope(self) -> StopScope:
        return StopScope.TENANT if self.tenant_id else StopScope.EVERYTHING

    @property
    def acts(self) -> bool:
        return self.lifted_at is None
