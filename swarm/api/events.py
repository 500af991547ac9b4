"""A session's events: pages for scripts (GET), and the same feed as the socket's as server-sent events."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chimera.kernel import eventlog, tenancy
from chimera.kernel.bridge import in_thread
from chimera.kernel.eventlog import START, Position
from chimera.kernel.http import problem
from chimera.kernel.http.door import Door
from chimera.kernel.http.pages import LIMIT_DEFAULT, whole_number
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.watching import no_longer
from chimera.kernel.identity import Principal
from chimera.kernel.stream.entries import Frame
from chimera.kernel.stream.follow import Following
from chimera.kernel.stream.history import gap_in_transaction
from chimera.kernel.stream.hub import hub
from swarm.models import SwarmSession

STREAM_TYPE = "text/event-stream"


class EventShape(serializers.Serializer[Any]):
    position = serializers.RegexField(r"^\d+-\d+$")
    type = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    trace_id = serializers.CharField(allow_blank=True)
    session = serializers.UUIDField(allow_null=True)
    task = serializers.UUIDField(allow_null=True)
    payload = serializers.DictField()


class GapShape(serializers.Serializer[Any]):
    to = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(), **super().get_fields()}


class EventsPage(serializers.Serializer[Any]):
    results = EventShape(many=True)
    next = serializers.CharField(help_text="the `after` of the next call, also when nothing new is there yet")
    live = serializers.BooleanField(help_text="whether this page reaches the present")
    gap = GapShape(allow_null=True, help_text="what retention removed after `after`")


class SessionEvents(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = (
        OpenApiParameter("after", OpenApiTypes.STR, description="a position; everything after it is answered"),
        OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {settings.PAGE_MAX}"),
    )

    @extend_schema(
        operation_id="sessions_events",
        description="Ask with `Accept: text/event-stream` for the live feed: each message's id is its position.",
        responses={200: EventsPage},
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        SwarmSession.objects.get_or_refuse(session_id)
        after = _after(request.query_params.get("after"))
        eventlog.check_not_ahead(after)
        limit = whole_number(request, "limit", default=LIMIT_DEFAULT, least=1, most=settings.PAGE_MAX)
        found = eventlog.read(after, limit=limit + 1, session_id=session_id)
        shown, gap = found[:limit], gap_in_transaction(session_id, after)
        return Response(
            {
                "results": [event.shape() for event in shown],
                "next": str(shown[-1].position if shown else after),
                "live": len(found) <= limit,
                "gap": {"from": str(gap.after), "to": str(gap.oldest) if gap.oldest else None} if gap else None,
            }
        )


_door = SessionEvents.as_view()


async def _events(request: HttpRequest, session_id: UUID) -> HttpResponseBase:
    if request.method != "GET" or STREAM_TYPE not in request.headers.get("Accept", ""):
        return await in_thread(_page, request, session_id)
    try:
        hub().check_room()
        following = await in_thread(_open, request, session_id)
    except Exception as exc:
        return problem.plain(exc)
    response = StreamingHttpResponse(_messages(following, request.scope), content_type=STREAM_TYPE)  # type: ignore[attr-defined]
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


def _page(request: HttpRequest, session_id: UUID) -> HttpResponse:
    response: Any = _door(request, session_id=session_id)
    rendered: HttpResponse = response.render()
    return rendered


def _open(request: HttpRequest, session_id: UUID) -> Following:
    """The door's own identity and permissions; a browser that reconnects sends its cursor as Last-Event-ID."""
    view = SessionEvents()
    view.request = view.initialize_request(request)
    view.perform_authentication(view.request)
    view.check_permissions(view.request)
    view.check_asked(view.request)
    principal: Principal = view.request.user  # type: ignore[assignment]
    after = _after(request.headers.get("Last-Event-ID") or request.GET.get("after"))
    with tenancy.bound(principal.tenant_id):
        SwarmSession.objects.get_or_refuse(session_id)
        eventlog.check_not_ahead(after)
    return Following(tenant_id=principal.tenant_id, session_id=session_id, after=after)


async def _messages(following: Following, scope: Mapping[str, Any]) -> AsyncIterator[str]:
    """Ends without a word for who may look on no more: whoever comes again is told why. Each frame is a moment to ask, and in
    silence there are pings."""
    asked = time.monotonic()
    async with aclosing(following.frames()) as frames:
        async for frame in frames:
            if time.monotonic() - asked >= settings.VIEWER_ASKED_AGAIN_SECONDS:
                if await no_longer(scope, tenant_id=following.tenant_id):
                    return
                asked = time.monotonic()
            yield _message(frame)


def _message(frame: Frame) -> str:
    """Events are plain messages with an id; the rest are named by kind, and pings are comments."""
    match frame.kind:
        case "event":
            return f"id: {frame.position}\ndata: {frame.body}\n\n"
        case "ping":
            return ": ping\n\n"
        case _:
            return f"event: {frame.kind}\ndata: {frame.body}\n\n"


def _after(text: str | None) -> Position:
    return Position.parse(text) if text else START


events = csrf_exempt(_events)  # reads only
events.cls = SessionEvents  # type: ignore[attr-defined]  # drf-spectacular documents the door behind it
events.initkwargs = {}  # type: ignore[attr-defined]
