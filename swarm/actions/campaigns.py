"""Campaigns: create, change, pause, resume, complete; stopping one is a flow."""

from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale, conflict
from chimera.kernel.eventlog import tell
from swarm.events import (
    CampaignChanged,
    CampaignCreated,
    CampaignEnded,
    CampaignPaused,
    CampaignResumed,
    CampaignStarted,
)
from swarm.models import Campaign, SwarmSession
from swarm.states import CAMPAIGN, SESSION_OPEN, CampaignStatus

OVER = (CampaignStatus.COMPLETED, CampaignStatus.STOPPED)


def create(*, name: str, goal: str, context: dict[str, Any], by: Actor) -> Campaign:
    campaign = Campaign.objects.create(name=name, goal=goal, context=context)
    tell(CampaignCreated.about(campaign), by=by)
    return campaign


def lock(campaign_id: UUID) -> Campaign:
    found: Campaign = Campaign.objects.select_for_update(no_key=True).get_or_refuse(campaign_id)
    return found


def begin(*, campaign: Campaign, by: Actor) -> None:
    """Its first session begins."""
    if campaign.status == CampaignStatus.PLANNING:
        CAMPAIGN.advance(campaign, to=CampaignStatus.ACTIVE, updated_at=clock.now())
        tell(CampaignStarted.about(campaign), by=by)


def change(
    *, campaign: Campaign, goal: str | None, context: dict[str, Any] | None, expected_version: int | None, by: Actor
) -> None:
    """Set goal or context; state_version rises, so results made against the old ones are stale."""
    if expected_version is not None and expected_version != campaign.state_version:
        raise Stale(
            f"The campaign is at state_version {campaign.state_version}; read it again.",
            state_version=campaign.state_version,
        )
    changes = {
        name: value
        for name, value in (("goal", goal), ("context", context))
        if value is not None and getattr(campaign, name) != value
    }
    if changes:
        _raise_version(campaign, **changes)
        tell(CampaignChanged.about(campaign, reason=", ".join(sorted(changes))), by=by)


def bump(*, campaign_id: UUID, reason: str, by: Actor) -> None:
    """Something that its work rests on changed (its budget): raise state_version."""
    campaign = lock(campaign_id)
    _raise_version(campaign)
    tell(CampaignChanged.about(campaign, reason=reason), by=by)


def pause(*, campaign: Campaign, reason: str, by: Actor) -> None:
    CAMPAIGN.advance(campaign, to=CampaignStatus.PAUSED, updated_at=clock.now())
    tell(CampaignPaused.about(campaign, reason=reason), by=by)


def resume(*, campaign: Campaign, reason: str, by: Actor) -> None:
    if campaign.status == CampaignStatus.PLANNING:
        raise Stale("This campaign has not begun; create a session in it.", code="campaign_planning")
    CAMPAIGN.advance(campaign, to=CampaignStatus.ACTIVE, updated_at=clock.now())
    tell(CampaignResumed.about(campaign, reason=reason), by=by)


def complete(*, campaign: Campaign, reason: str, by: Actor) -> None:
    """409 while sessions are open. New ones wait for the campaign's lock, which the caller holds."""
    if sessions_open := SwarmSession.objects.filter(campaign=campaign, status__in=SESSION_OPEN).count():
        some = "1 session is" if sessions_open == 1 else f"{sessions_open} sessions are"
        raise conflict(
            f"{some} still open; complete or stop them first, or stop the campaign.",
            code="sessions_open",
            sessions_open=sessions_open,
        )
    end(campaign=campaign, status=CampaignStatus.COMPLETED, reason=reason, by=by)


def end(*, campaign: Campaign, status: CampaignStatus, reason: str, by: Actor) -> None:
    """Completed or stopped. A stop raises state_version: what is still on its way is stale."""
    raised = {"state_version": campaign.state_version + 1} if status == CampaignStatus.STOPPED else {}
    CAMPAIGN.advance(campaign, to=status, updated_at=clock.now(), **raised)
    tell(CampaignEnded.about(campaign, reason=reason), by=by)


def _raise_version(campaign: Campaign, **changes: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(
        state_version=F("state_version") + 1, version=F("version") + 1, updated_at=clock.now(), **changes
    )
    campaign.refresh_from_db()
