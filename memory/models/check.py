"""What an agent was shown of memory while it held a task, as it was then."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from pydantic import BaseModel, ConfigDict

from chimera.kernel import clock, ids
from chimera.kernel.tenancy import TenantOwned
from memory.queries import CheckQuerySet


class Frozen(BaseModel):
    """One retrieved memory: a copy, so that a later forgetting or superseding does not change what was seen.

    Copies from before there were versions have none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    version: int  # raised when it is superseded or forgotten
    content: str  # at most FROZEN_CHARACTERS_MAX, `cut` tells
    cut: bool
    category: str
    source: dict[str, Any]
    score: float
    parts: dict[str, float]
    similarity: float | None  # cosine to the query
    contradicts: list[UUID]  # of which the agent was told
    created_at: datetime


class MemoryCheck(TenantOwned):
    """One search under one lease, with what it found; written once."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    task = models.ForeignKey(
        "swarm.Task", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="memory_checks"
    )
    lease_token = models.UUIDField(editable=False)
    attempt = models.PositiveSmallIntegerField()
    agent = models.ForeignKey("swarm.AgentProfile", on_delete=models.PROTECT, related_name="+")
    query = models.TextField()
    mode = models.CharField(max_length=16)
    embedding_model = models.CharField(max_length=100, blank=True)
    index = models.CharField(max_length=16, blank=True, db_default="")  # which one proposed what was found
    index_fallback = models.TextField(blank=True, db_default="")  # why not the one that is asked first
    memories = models.JSONField(default=list)  # of Frozen, best first
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = CheckQuerySet.as_manager()

    class Meta:
        verbose_name = "memory check"
        indexes = [models.Index(name="memory_check_attempt", fields=["task", "lease_token", "id"])]

    def __str__(self) -> str:
        return f"{len(self.memories)} memories for {self.query[:60]!r}"
