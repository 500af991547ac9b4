"""Agents and their keys."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.identity import AGENT_ROLES
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from swarm.queries import AgentQuerySet
from swarm.states import AGENT_STATES, AgentStatus, Inactivity


class AgentProfile(Versioned, TenantOwned):
    """An agent: what it is (role), can (capabilities), uses (tools_config), and how many leases it holds at most."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=16, choices=[(r.value, r.value) for r in sorted(AGENT_ROLES)])
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in AgentStatus], default=AgentStatus.ACTIVE
    )
    inactive_because = models.CharField(
        max_length=8, choices=[(i.value, i.value) for i in Inactivity], blank=True, default=""
    )
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)  # to a quarter of a minute
    capabilities = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    tools_config = models.JSONField(default=dict, blank=True)
    max_slots = models.PositiveSmallIntegerField(default=1)
    registered_by = models.CharField(max_length=120, blank=True, default="", editable=False)  # its owner
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = AgentQuerySet.as_manager()

    class Meta:
        constraints = [
            AGENT_STATES.constraint("agent_status"),
            models.CheckConstraint(
                name="agent_inactive_because",
                condition=Q(status=AgentStatus.INACTIVE, inactive_because__in=[str(i) for i in Inactivity])
                | (~Q(status=AgentStatus.INACTIVE) & Q(inactive_because="")),
            ),
            models.CheckConstraint(condition=Q(role__in=sorted(AGENT_ROLES)), name="agent_role"),
            models.CheckConstraint(condition=Q(max_slots__gte=1, max_slots__lte=64), name="agent_slots"),
            models.UniqueConstraint(fields=["tenant_id", "name"], name="agent_name_once"),
        ]
        indexes = [  # every guarded write asks whether its agent is one of these, which are few
            models.Index(fields=["tenant_id"], name="agent_suspended", condition=Q(status=AgentStatus.SUSPENDED))
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"

    @property
    def is_paused(self) -> bool:
        """A person wants it to claim nothing; what it holds it may finish."""
        return self.inactive_because == Inactivity.PAUSED

    @property
    def is_silent(self) -> bool:
        return self.inactive_because == Inactivity.SILENT

    @property
    def takes_work(self) -> bool:
        """A silent one does: by asking for work it is heard of."""
        return self.status == AgentStatus.ACTIVE or self.is_silent


class AgentKey(TenantOwned):
    """An agent's `chm_` key; only its SHA-256 is stored. Rotation lets the old key live on for an overlap."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    agent = models.ForeignKey(AgentProfile, on_delete=models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    issued_by = models.CharField(max_length=120, blank=True, default="", editable=False)  # who saw it, and may use it
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.agent}"
