"""Agents: register, list, read, rotate keys, pause, resume, kill."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows import stop_work
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.permissions import ANYONE, OPERATORS
from chimera.kernel.http.schema import page_of, paged
from swarm.actions import agents
from swarm.models import AgentProfile
from swarm.serializers.agents import AgentShape, AgentWithKey, NewAgent, NewKey
from swarm.serializers.basics import Reason
from swarm.serializers.stops import Why


class Agents(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": OPERATORS}
    knows: ClassVar = paged()

    @extend_schema(operation_id="agents_list", responses=page_of(AgentShape))
    def get(self, request: Call) -> Response:
        return page(AgentProfile.objects.all(), request, lambda rows: AgentShape(rows, many=True).data)

    @extend_schema(operation_id="agents_register", request=NewAgent, responses={201: AgentWithKey})
    def post(self, request: Call) -> Response:
        new = NewAgent(data=request.data)
        new.is_valid(raise_exception=True)
        agent, key = agents.register(**new.validated_data, by=request.user.actor)
        return Response({**AgentShape(agent).data, "key": key}, status=201)


class Agent(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="agents_read", responses=AgentShape)
    def get(self, request: Call, agent_id: UUID) -> Response:
        return Response(AgentShape(AgentProfile.objects.get_or_refuse(agent_id)).data)


class AgentKeys(Door):
    allow: ClassVar = {"POST": OPERATORS}

    @extend_schema(operation_id="agents_rotate_key", request=None, responses={201: NewKey})
    def post(self, request: Call, agent_id: UUID) -> Response:
        key = agents.issue_key(agent=agents.lock(agent_id), by=request.user.actor)
        return Response({"key": key}, status=201)


class AgentVerb(Door):
    allow: ClassVar = {"POST": OPERATORS}
    verb = ""
    words: ClassVar[type[Reason | Why]] = Reason

    @extend_schema(request=Reason, responses=AgentShape)
    def post(self, request: Call, agent_id: UUID) -> Response:
        said = self.words(data=request.data)
        said.is_valid(raise_exception=True)
        reason, by = said.validated_data["reason"], request.user.actor
        match self.verb:
            case "pause":
                agent = agents.lock(agent_id)
                agents.pause(agent=agent, reason=reason, by=by)
            case "resume":
                agent = agents.lock(agent_id)
                agents.resume(agent=agent, reason=reason, by=by)
            case _:
                agent = stop_work.kill_agent(agent_id=agent_id, reason=reason, by=by)
        return Response(AgentShape(agent).data)

    def afterwards(self, request: Call, response: Response) -> None:
        if self.verb == "kill":
            stop_work.revoke_leases(
                tenant_id=request.user.tenant_id,
                agent_id=self.kwargs["agent_id"],
                reason="its agent was killed",
                by=request.user.actor,
            )


class AgentKill(AgentVerb):
    verb = "kill"
    words: ClassVar = Why

    @extend_schema(request=Why, responses=AgentShape)
    def post(self, request: Call, agent_id: UUID) -> Response:
        return super().post(request, agent_id)
