"""That the same words came again: from whom, and where they were read."""

from django.db import models

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from memory.models.record import MemoryRecord


class MemorySighting(TenantOwned):
    """One of a memory's repeats; its first writing is the memory itself. Written once; VOICES_MAX voices, SIGHTINGS_OF_ONE_MAX of each."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    memory = models.ForeignKey(MemoryRecord, on_delete=models.CASCADE, db_index=False, related_name="repeats")
    provenance = models.BinaryField(max_length=32, editable=False)  # memory.sameness.provenance_of
    session = models.ForeignKey("swarm.SwarmSession", on_delete=models.PROTECT, null=True, related_name="+")
    task = models.ForeignKey(
        "swarm.Task", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    agent = models.ForeignKey("swarm.AgentProfile", on_delete=models.PROTECT, null=True, related_name="+")
    agent_role = models.CharField(max_length=16, blank=True)
    written_by = models.CharField(max_length=120)  # str(Actor)
    importance_score = models.DecimalField(max_digits=5, decimal_places=4)  # as it was said then
    source = models.JSONField(default=dict)
    source_result = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "sighting"
        constraints = [
            models.UniqueConstraint(fields=["memory", "provenance"], name="memory_seen_once_from_there"),
            models.UniqueConstraint(
                fields=["tenant_id", "source_result"],
                name="memory_seen_once_per_result",
                condition=models.Q(source_result__isnull=False),
            ),
        ]
        indexes = [models.Index(name="memory_seen_again", fields=["tenant_id", "memory"])]

    def __str__(self) -> str:
        return f"seen by {self.written_by}"
