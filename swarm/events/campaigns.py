"""What can be told about campaigns."""

from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


class CampaignFact(Fact):
    status: str
    state_version: int

    @classmethod
    def about(cls, campaign: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=campaign.pk,
            aggregate_version=campaign.version,
            status=str(campaign.status),
            state_version=campaign.state_version,
            **more,
        )


class CampaignCreated(CampaignFact):
    type: ClassVar[str] = "swarm.campaign.created"


class CampaignStarted(CampaignFact):
    type: ClassVar[str] = "swarm.campaign.started"


class CampaignPaused(CampaignFact):
    type: ClassVar[str] = "swarm.campaign.paused"
    reason: str = ""


class CampaignResumed(CampaignFact):
    type: ClassVar[str] = "swarm.campaign.resumed"
    reason: str = ""


class CampaignEnded(CampaignFact):
    type: ClassVar[str] = "swarm.campaign.ended"
    reason: str = ""


class CampaignChanged(CampaignFact):
    type: ClassVar[str] = "swarm.campaign.changed"
    reason: str = ""
