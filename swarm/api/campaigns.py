"""Campaigns: create, list, read, change, pause, resume, complete, stop."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows import stop_work
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import ANYONE, OPERATORS
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.http.versions import expected_version
from swarm.actions import campaigns
from swarm.models import Campaign as CampaignRow
from swarm.serializers.basics import Reason
from swarm.serializers.campaigns import CampaignChange, CampaignShape, NewCampaign
from swarm.serializers.stops import Why


class Campaigns(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": OPERATORS}
    knows: ClassVar = paged()

    @extend_schema(operation_id="campaigns_list", responses=page_of(CampaignShape))
    def get(self, request: Call) -> Response:
        return page(CampaignRow.objects.all(), request, lambda rows: CampaignShape(rows, many=True).data)

    @extend_schema(operation_id="campaigns_create", request=NewCampaign, responses={201: CampaignShape})
    def post(self, request: Call) -> Response:
        new = NewCampaign(data=request.data)
        new.is_valid(raise_exception=True)
        campaign = campaigns.create(**new.validated_data, by=request.user.actor)
        return Response(CampaignShape(campaign).data, status=201)


class Campaign(Door):
    allow: ClassVar = {"GET": ANYONE, "PATCH": OPERATORS}

    @extend_schema(operation_id="campaigns_read", responses=CampaignShape)
    def get(self, request: Call, campaign_id: UUID) -> Response:
        return Response(CampaignShape(CampaignRow.objects.get_or_refuse(campaign_id)).data)

    @extend_schema(operation_id="campaigns_change", request=CampaignChange, responses=CampaignShape)
    def patch(self, request: Call, campaign_id: UUID) -> Response:
        said = CampaignChange(data=request.data)
        said.is_valid(raise_exception=True)
        change = said.validated_data
        campaign = campaigns.lock(campaign_id)
        campaigns.change(
            campaign=campaign,
            goal=change.get("goal"),
            context=change.get("context"),
            expected_version=expected_version(request, change.get("state_version")),
            by=request.user.actor,
        )
        return Response(CampaignShape(campaign).data)


class CampaignVerb(Door):
    allow: ClassVar = {"POST": OPERATORS}
    verb = ""
    words: ClassVar[type[Reason | Why]] = Reason

    @extend_schema(request=Reason, responses=CampaignShape)
    def post(self, request: Call, campaign_id: UUID) -> Response:
        said = self.words(data=request.data)
        said.is_valid(raise_exception=True)
        reason, by = said.validated_data["reason"], request.user.actor
        if self.verb == "stop":
            return Response(CampaignShape(stop_work.stop_campaign(campaign_id=campaign_id, reason=reason, by=by)).data)
        campaign = campaigns.lock(campaign_id)
        match self.verb:
            case "pause":
                campaigns.pause(campaign=campaign, reason=reason, by=by)
            case "resume":
                campaigns.resume(campaign=campaign, reason=reason, by=by)
            case _:
                campaigns.complete(campaign=campaign, reason=reason, by=by)
        return Response(CampaignShape(campaign).data)

    def afterwards(self, request: Call, response: Response) -> None:
        """A stop takes the open tasks of its sessions away at once; what is more than one sweep follows through the log."""
        if self.verb == "stop":
            stop_work.sweep_campaign(
                tenant_id=request.user.tenant_id, campaign_id=self.kwargs["campaign_id"], by=request.user.actor
            )


class CampaignStop(CampaignVerb):
    verb = "stop"
    words: ClassVar = Why

    @extend_schema(request=Why, responses=CampaignShape)
    def post(self, request: Call, campaign_id: UUID) -> Response:
        return super().post(request, campaign_id)
