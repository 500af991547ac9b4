"""Campaigns: a goal over weeks, with its sessions."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.flows.stop_work import stop_campaign, sweep_campaign
from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.site import site
from swarm.actions import campaigns
from swarm.admin import looks, steering
from swarm.admin.named import NamedAdmin
from swarm.models import Campaign, SwarmSession
from swarm.states import CAMPAIGN, CampaignStatus

SESSIONS_SHOWN_MAX = 50


def _pause(campaign: Campaign, said: dict[str, Any], by: Actor) -> None:
    campaigns.pause(campaign=campaigns.lock(campaign.pk), reason=said["reason"], by=by)


def _resume(campaign: Campaign, said: dict[str, Any], by: Actor) -> None:
    campaigns.resume(campaign=campaigns.lock(campaign.pk), reason="", by=by)


def _complete(campaign: Campaign, said: dict[str, Any], by: Actor) -> None:
    campaigns.complete(campaign=campaigns.lock(campaign.pk), reason=said["reason"], by=by)


def _stop(campaign: Campaign, said: dict[str, Any], by: Actor) -> None:
    stop_campaign(campaign_id=campaign.pk, reason=said["reason"], by=by)
    steering.sweep_afterwards(sweep_campaign, tenant_id=tenancy.current(), campaign_id=campaign.pk, by=by)


VERBS = (
    steering.pause(
        run=_pause,
        offered=lambda c: CAMPAIGN.can(c.status, CampaignStatus.PAUSED),
        hint="None of its sessions hands out work any more.",
    ),
    steering.resume(run=_resume, offered=lambda c: c.status == CampaignStatus.PAUSED),
    steering.complete(
        run=_complete,
        offered=lambda c: CAMPAIGN.can(c.status, CampaignStatus.COMPLETED),
        hint="Its goal is reached. Its sessions must have ended; it takes no new ones.",
    ),
    steering.stop(
        run=_stop,
        offered=lambda c: CAMPAIGN.can(c.status, CampaignStatus.STOPPED),
        hint="For good, with all its sessions; their open tasks are cancelled.",
    ),
)


@admin.register(Campaign, site=site)
class CampaignAdmin(NamedAdmin):
    nouns = "Campaigns"
    verbs = VERBS
    empty_sentence = "No campaign yet. `manage.py campaign` starts one from a brief."
    quick_links: ClassVar = (
        ("All", {}),
        ("Active", {"status__exact": "active"}),
        ("Paused", {"status__exact": "paused"}),
    )
    list_display = ("name", "status_shown", "goal_shown", "began")
    list_filter = ("status",)
    list_deferred = ("context",)

    @admin.display(description="Goal")
    def goal_shown(self, campaign: Campaign) -> str:
        return show.short(campaign.goal, 110)

    @admin.display(description="Began")
    def began(self, campaign: Campaign) -> SafeString | str:
        return show.moment(campaign.created_at)

    def panels(self, request: HttpRequest, campaign: Campaign) -> list[Panel]:
        found = SwarmSession.objects.filter(campaign=campaign).order_by("-pk")[:SESSIONS_SHOWN_MAX]
        rows = [
            (
                self.link(request, "swarm.swarmsession", s.pk, s),
                looks.status(s.status),
                show.moment(s.created_at),
                show.moment(s.ended_at),
            )
            for s in found
        ]
        return [
            panels.prose("Goal", campaign.goal),
            panels.table("Sessions", ("Session", "Status", "Began", "Ended"), rows, empty="No session yet."),
            *([panels.json_value("Context", campaign.context)] if campaign.context else []),
            panels.facts(
                "Campaign",
                [
                    ("Status", looks.status(campaign.status)),
                    ("State version", str(campaign.state_version)),
                    ("Began", show.moment(campaign.created_at)),
                    ("Changed", show.moment(campaign.updated_at)),
                ],
            ),
        ]
