"""Campaigns (a goal over weeks) and sessions (one run of a swarm)."""

from django.db import models

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from swarm.queries import CampaignQuerySet, SessionQuerySet
from swarm.states import CAMPAIGN, SESSION, CampaignStatus, SessionStatus


class Campaign(Versioned, TenantOwned):
    """`state_version` rises when goal, budget or context change, and on stop; results made against older ones are stale."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=200)
    goal = models.TextField()
    context = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in CampaignStatus], default=CampaignStatus.PLANNING
    )
    state_version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [CAMPAIGN.constraint("campaign_status")]

    def __str__(self) -> str:
        return self.name


class SwarmSession(Versioned, TenantOwned):
    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="sessions")
    name = models.CharField(max_length=200, blank=True)
    context = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in SessionStatus], default=SessionStatus.CREATED
    )
    state_version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = "session"
        constraints = [SESSION.constraint("session_status")]
        indexes = [models.Index(fields=["tenant_id", "status", "-id"], name="session_by_status")]

    def __str__(self) -> str:
        return self.name or f"session {str(self.id)[-6:]}"
