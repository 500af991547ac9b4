"""Sessions: create, list, read, change, pause, resume, complete, stop."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.flows import cancel_task, stop_work
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import choice_or_refuse, page, uuid_or_refuse
from chimera.kernel.http.permissions import ANYONE, OPERATORS
from chimera.kernel.http.schema import page_of, paged
from chimera.kernel.http.versions import expected_version
from chimera.kernel.identity import Role
from swarm.actions import sessions
from swarm.models import SwarmSession
from swarm.serializers.basics import Reason, choices
from swarm.serializers.sessions import NewSession, SessionChange, SessionShape
from swarm.serializers.stops import Why
from swarm.states import SessionStatus

CREATORS = OPERATORS | {Role.PLANNER}


class Sessions(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": CREATORS}
    knows: ClassVar = paged("status", "campaign")

    @extend_schema(operation_id="sessions_list", responses=page_of(SessionShape))
    def get(self, request: Call) -> Response:
        rows = SwarmSession.objects.all()
        if status := request.query_params.get("status"):
            rows = rows.filter(status=choice_or_refuse(status, "status", choices(SessionStatus)))
        if campaign := request.query_params.get("campaign"):
            rows = rows.filter(campaign_id=uuid_or_refuse(campaign, "campaign"))
        return page(rows, request, lambda found: SessionShape(found, many=True).data)

    @extend_schema(operation_id="sessions_create", request=NewSession, responses={201: SessionShape})
    def post(self, request: Call) -> Response:
        new = NewSession(data=request.data)
        new.is_valid(raise_exception=True)
        said = new.validated_data
        session = sessions.create(
            campaign_id=said["campaign"], name=said["name"], context=said["context"], by=request.user.actor
        )
        return Response(SessionShape(session).data, status=201)


class Session(Door):
    allow: ClassVar = {"GET": ANYONE, "PATCH": CREATORS}

    @extend_schema(operation_id="sessions_read", responses=SessionShape)
    def get(self, request: Call, session_id: UUID) -> Response:
        return Response(SessionShape(SwarmSession.objects.get_or_refuse(session_id)).data)

    @extend_schema(operation_id="sessions_change", request=SessionChange, responses=SessionShape)
    def patch(self, request: Call, session_id: UUID) -> Response:
        said = SessionChange(data=request.data)
        said.is_valid(raise_exception=True)
        change = said.validated_data
        session = sessions.lock(session_id)
        sessions.change(
            session=session,
            context=change.get("context"),
            name=change.get("name"),
            expected_version=expected_version(request, change.get("state_version")),
            by=request.user.actor,
        )
        return Response(SessionShape(session).data)


class SessionVerb(Door):
    """A planner may not undo what a person did, nor take the work of others away: it completes, and cancels tasks."""

    allow: ClassVar = {"POST": OPERATORS}
    verb = ""
    words: ClassVar[type[Reason | Why]] = Reason

    @extend_schema(request=Reason, responses=SessionShape)
    def post(self, request: Call, session_id: UUID) -> Response:
        said = self.words(data=request.data)
        said.is_valid(raise_exception=True)
        reason, by = said.validated_data["reason"], request.user.actor
        if self.verb == "stop":
            return Response(SessionShape(stop_work.stop_session(session_id=session_id, reason=reason, by=by)).data)
        session = sessions.lock(session_id)
        match self.verb:
            case "pause":
                sessions.pause(session=session, reason=reason, by=by)
            case "resume":
                sessions.resume(session=session, reason=reason, by=by)
            case _:
                sessions.complete(session=session, reason=reason, by=by)
        return Response(SessionShape(session).data)

    def afterwards(self, request: Call, response: Response) -> None:
        """A stop takes its open tasks away at once; what is more than one sweep follows through the event log."""
        if self.verb == "stop":
            cancel_task.cancel_open_of(
                tenant_id=request.user.tenant_id, session_id=self.kwargs["session_id"], by=request.user.actor
            )


class SessionCompletion(SessionVerb):
    allow: ClassVar = {"POST": CREATORS}
    verb = "complete"


class SessionStop(SessionVerb):
    verb = "stop"
    words: ClassVar = Why

    @extend_schema(request=Why, responses=SessionShape)
    def post(self, request: Call, session_id: UUID) -> Response:
        return super().post(request, session_id)
