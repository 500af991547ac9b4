"""The live page of one session, for people who are logged in: the page itself; what it shows comes by the socket."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chimera.kernel import tenancy
from chimera.kernel.errors import Refused
from chimera.kernel.http.authentication import principal_of_session
from swarm.admin.stops import notices
from swarm.models import SwarmSession
from swarm.states import TaskStatus

PLACEHOLDER = UUID(int=0)  # the page's script puts ids in its place


@require_safe
@login_required
def live(request: HttpRequest, session_id: UUID) -> HttpResponse:
    try:
        principal = principal_of_session(request)
        with tenancy.bound(principal.tenant_id):
            session = SwarmSession.objects.select_related("campaign").get_or_refuse(session_id)
            shown = {
                "session": session,
                "statuses": [str(s) for s in TaskStatus],
                "placeholder": PLACEHOLDER,
                "notices": notices(request),
            }
            return render(request, "swarm/live.html", shown)
    except Refused as refusal:
        raise (Http404 if refusal.status == 404 else PermissionDenied)(refusal.detail) from refusal
