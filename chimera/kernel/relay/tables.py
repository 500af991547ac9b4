"""The relay's two tables: where each lane stands, and what a slow lane put aside."""

import json
from enum import StrEnum

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.eventlog import Position, Recorded
from chimera.kernel.states import HUMAN, SYSTEM, Machine, Versioned, edge
from chimera.kernel.tenancy import TenantOwned


class Lane(models.Model):
    """A reader of the log and its cursor. The relay's own, of no tenant; moved only by compare-and-set."""

    name = models.CharField(primary_key=True, max_length=40)
    xid = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)
    advanced_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "kernel_lane"

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"

    @property
    def position(self) -> Position:
        return Position(self.xid, self.seq)


class ParkedStatus(StrEnum):
    PARKED = "parked"
    RETRYING = "retrying"
    RESOLVED = "resolved"


PARKED = Machine(
    "parked_event",
    start=ParkedStatus.PARKED,
    ends=[ParkedStatus.RESOLVED],
    edges=[
        edge(
            ParkedStatus.PARKED,
            ParkedStatus.RETRYING,
            HUMAN,
            SYSTEM,
            why="retried: its lane takes it up again",
        ),
        edge(ParkedStatus.RETRYING, ParkedStatus.PARKED, SYSTEM, why="it failed once more"),
        edge(ParkedStatus.RETRYING, ParkedStatus.RESOLVED, SYSTEM, why="its reactions ran through"),
    ],
)


class ParkedEvent(Versioned, TenantOwned):
    """An event whose reactions in a slow lane kept failing, copied whole so that it can be retried at any time."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    lane = models.CharField(max_length=40)
    xid = models.BigIntegerField()
    seq = models.BigIntegerField()
    session_id = models.UUIDField(null=True, blank=True)
    task_id = models.UUIDField(null=True, blank=True)
    type = models.CharField(max_length=80)
    payload = models.JSONField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=120)
    trace_id = models.CharField(max_length=64, blank=True)
    error = models.TextField()
    attempts = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in ParkedStatus], default=ParkedStatus.PARKED
    )
    parked_at = models.DateTimeField(default=clock.now)
    retried_by = models.CharField(max_length=120, blank=True)
    retried_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "kernel_parkedevent"
        constraints = [
            PARKED.constraint("parked_status"),
            models.UniqueConstraint(fields=["lane", "xid", "seq"], name="parked_once"),
            models.CheckConstraint(
                name="parked_resolved_iff_done",
                condition=Q(status=ParkedStatus.RESOLVED, resolved_at__isnull=False)
                | (~Q(status=ParkedStatus.RESOLVED) & Q(resolved_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(fields=["lane", "id"], name="parked_to_retry", condition=Q(status=ParkedStatus.RETRYING)),
            models.Index(fields=["tenant_id", "status", "-id"], name="parked_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.type} at {self.xid}-{self.seq} in lane {self.lane}"

    def recorded(self) -> Recorded:
        return Recorded(
            position=Position(self.xid, self.seq),
            tenant_id=self.tenant_id,
            session_id=self.session_id,
            task_id=self.task_id,
            type=self.type,
            at=self.at,
            actor=self.actor,
            trace_id=self.trace_id,
            payload_text=json.dumps(self.payload, ensure_ascii=False),
        )
