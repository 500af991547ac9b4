"""POST /claims as a long poll: an async view outside DRF that claims through the door.

While it waits it holds neither a thread nor a connection (docs/adr).
"""

import json
import time
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from chimera.kernel.bridge import in_thread
from chimera.kernel.http import problem
from chimera.kernel.http.authentication import principal_of_bearer
from chimera.kernel.http.waiting import Place, until_stirred, waiters
from swarm import dispatch
from swarm.api.leases import Claims

_door = Claims.as_view()


async def _claims(request: HttpRequest) -> HttpResponse:
    """Try; while nothing was claimed and time is left, wait for the queue to grow and try again."""
    deadline = time.monotonic() + _wait_seconds(request)
    response = await in_thread(_call, request)
    if _is_final(response, deadline):
        return response
    try:
        work, agent, everybody, slots = await in_thread(_topics, request)
    except Exception as exc:
        return problem.plain(exc)
    async with (
        waiters().listening(work) as place,
        waiters().called(agent, place.stirred),
        waiters().called(everybody, place.stirred),
        waiters().called(slots) as freed,
    ):
        while True:
            place.stirred.clear()
            freed.clear()
            place.look(_door_of(response).kind)
            response = await in_thread(_call, request)
            _tell(place, response)
            if _is_final(response, deadline):
                return response
            await until_stirred(place, freed, deadline, able=_door_of(response).able)


def _tell(place: Place, response: HttpResponse) -> None:
    """What its look means for others. Who took something does not know what was left, nor who popped what was taken."""
    door = _door_of(response)
    if response.status_code == 200 and (door.claimed or door.able):
        place.found(len(door.claimed), more=bool(door.claimed or door.popped) and not door.early)
    else:
        place.unable()


def _door_of(response: HttpResponse) -> Claims:
    """The door that gave this answer."""
    door: Claims = response.renderer_context["view"]  # type: ignore[attr-defined]
    return door


def _is_final(response: HttpResponse, deadline: float) -> bool:
    answered = response.status_code != 200 or bool(json.loads(response.content)["claims"])
    return answered or time.monotonic() >= deadline


def _call(request: HttpRequest) -> HttpResponse:
    response: Any = _door(request)
    if not getattr(response, "is_rendered", True):
        response.render()
    answered: HttpResponse = response
    return answered


def _topics(request: HttpRequest) -> tuple[str, str, str, str]:
    """Of news of work for its role, of a word to the agent itself, that it was resumed, of one to everybody, and of its slots."""
    principal = principal_of_bearer(request.headers["Authorization"])
    work, own = f"{principal.tenant_id}:{principal.role}", f"{principal.tenant_id}:{principal.id}"
    tenant_id = principal.tenant_id
    return work, own, dispatch.everybody_of(tenant_id), dispatch.slots_of(tenant_id, principal.id)


def _wait_seconds(request: HttpRequest) -> float:
    """What the body asks for; 0 for anything odd, which the door then refuses."""
    try:
        asked: Any = json.loads(request.body).get("wait_seconds", 0)
    except (ValueError, AttributeError, RecursionError, RequestDataTooBig):
        return 0
    valid = isinstance(asked, int) and not isinstance(asked, bool) and 0 <= asked <= settings.CLAIM_WAIT_SECONDS_MAX
    return float(asked) if valid else 0


claims = csrf_exempt(_claims)
claims.cls = Claims  # type: ignore[attr-defined]  # drf-spectacular documents the door behind it
claims.initkwargs = {}  # type: ignore[attr-defined]
