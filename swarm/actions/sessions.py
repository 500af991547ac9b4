"""Sessions: create, change, pause, resume, end; stopping one is a flow."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale, conflict
from chimera.kernel.eventlog import tell
from chimera.kernel.prepared import Asked
from swarm.actions import campaigns
from swarm.events import SessionChanged, SessionCreated, SessionEnded, SessionPaused, SessionResumed, SessionStarted
from swarm.models import Campaign, SwarmSession, Task
from swarm.states import SESSION, SESSION_OPEN, CampaignStatus, SessionStatus


def create(*, campaign_id: UUID | None, name: str, context: dict[str, Any], by: Actor) -> SwarmSession:
    """A new session; the first of a campaign begins the campaign. 409 when the campaign is paused or over."""
    campaign = campaigns.lock(campaign_id) if campaign_id else None
    if campaign and campaign.status not in (CampaignStatus.PLANNING, CampaignStatus.ACTIVE):
        raise conflict(
            f"The campaign is {campaign.status}; it takes no new sessions.", code=f"campaign_{campaign.status}"
        )
    if campaign:
        campaigns.begin(campaign=campaign, by=by)
    session = SwarmSession.objects.create(campaign=campaign, name=name, context=context)
    tell(SessionCreated.about(session), by=by)
    return session


def lock(session_id: UUID) -> SwarmSession:
    found: SwarmSession = SwarmSession.objects.select_for_update(no_key=True).get_or_refuse(session_id)
    return found


def lock_open_of(campaign: Campaign) -> list[SwarmSession]:
    """The open sessions of a campaign that the caller holds, all locked in the order of their ids."""
    rows = SwarmSession.objects.filter(campaign=campaign, status__in=SESSION_OPEN).order_by("pk")
    return list(rows.select_for_update(of=("self",), no_key=True))


def lock_for_tasks(session_id: UUID, *, by: Actor) -> SwarmSession:
    """Hold the session open while tasks are added (stop waits for us); its first task starts it.

    409 when the session or its campaign is over. The campaign is read without a lock: it ends either when no session
    is open, or by a stop that needs this session's lock.
    """
    session = SwarmSession.objects.select_related("campaign").get_or_refuse(session_id)
    if session.campaign and session.campaign.status in campaigns.OVER:
        raise conflict(
            f"The campaign is {session.campaign.status}; it takes no new tasks.",
            code=f"campaign_{session.campaign.status}",
        )
    if session.status == SessionStatus.CREATED:
        session = lock(session_id)
        if session.status == SessionStatus.CREATED:
            SESSION.advance(session, to=SessionStatus.RUNNING, updated_at=clock.now())
            tell(SessionStarted.about(session), by=by)
    else:
        # FOR KEY SHARE would let a stop through; FOR SHARE does not, and creators do not wait for one another.
        session = SwarmSession.objects.raw("SELECT * FROM swarm_swarmsession WHERE id = %s FOR SHARE", [session_id])[0]
    if session.status not in SESSION_OPEN:
        raise conflict(
            f"The session is {session.status}; it takes no new tasks. Create another session.", code="session_ended"
        )
    return session


# As above, but for the campaign's look, which is older: a stop that ended it meanwhile has ended the session too.
_TAKING = """
    SELECT s.id FROM swarm_swarmsession s LEFT JOIN swarm_campaign c ON c.id = s.campaign_id
    WHERE s.id = ANY(%(ids)s::uuid[]) AND s.status = ANY(%(at_work)s::text[])
        AND (c.id IS NULL OR c.status <> ALL(%(over)s::text[]))
    ORDER BY s.id FOR SHARE OF s SKIP LOCKED
"""
_RULE = {
    "at_work": [str(status) for status in SESSION_OPEN if status != SessionStatus.CREATED],
    "over": [str(status) for status in campaigns.OVER],
}


def taking_tasks(session_ids: Collection[UUID]) -> Asked:
    """Finds and holds those of these sessions that take tasks and have begun, as `lock_for_tasks` does; waits for nobody."""
    return _TAKING, {"ids": sorted(session_ids)} | _RULE


def change(
    *, session: SwarmSession, context: dict[str, Any] | None, name: str | None, expected_version: int | None, by: Actor
) -> None:
    """Set name or context, and tell it once; a new context raises state_version, a new name does not."""
    if expected_version is not None and expected_version != session.state_version:
        raise Stale(
            f"The session is at state_version {session.state_version}; read it again.",
            state_version=session.state_version,
        )
    changes = {
        field: value
        for field, value in (("name", name), ("context", context))
        if value is not None and getattr(session, field) != value
    }
    if changes:
        _change(session, stale="context" in changes, **changes)
        tell(SessionChanged.about(session, reason=", ".join(sorted(changes))), by=by)


def bump(*, session_id: UUID, reason: str, by: Actor) -> None:
    """Something that its work rests on changed (its budget): raise state_version."""
    session = lock(session_id)
    _change(session, stale=True)
    tell(SessionChanged.about(session, reason=reason), by=by)


def pause(*, session: SwarmSession, reason: str, by: Actor) -> None:
    SESSION.advance(session, to=SessionStatus.PAUSED, updated_at=clock.now())
    tell(SessionPaused.about(session, reason=reason), by=by)


def resume(*, session: SwarmSession, reason: str, by: Actor) -> None:
    if session.status != SessionStatus.PAUSED:
        raise Stale(f"This session is {session.status}, not paused.", code=f"session_{session.status}")
    SESSION.advance(session, to=SessionStatus.RUNNING, updated_at=clock.now())
    tell(SessionResumed.about(session, reason=reason), by=by)


def complete(*, session: SwarmSession, reason: str, by: Actor) -> None:
    """409 while tasks are open."""
    if open_tasks := Task.objects.open().filter(session=session).count():
        raise conflict(f"{open_tasks} tasks are still open; wait for them, or stop the session.", code="tasks_open")
    end(session=session, status=SessionStatus.COMPLETED, reason=reason, by=by)


def end(*, session: SwarmSession, status: SessionStatus, reason: str, by: Actor) -> None:
    """Completed, failed or stopped. A stop raises state_version: what is still on its way is stale."""
    raised = {"state_version": session.state_version + 1} if status == SessionStatus.STOPPED else {}
    SESSION.advance(session, to=status, ended_at=clock.now(), updated_at=clock.now(), **raised)
    tell(SessionEnded.about(session, reason=reason), by=by)


def _change(session: SwarmSession, *, stale: bool, **changes: Any) -> None:
    """With `stale`, state_version rises too: what is being made against the old one no longer fits."""
    if stale:
        changes["state_version"] = F("state_version") + 1
    unchanged = SwarmSession.objects.filter(pk=session.pk, version=session.version)
    if unchanged.update(version=F("version") + 1, updated_at=clock.now(), **changes) != 1:
        raise Stale("The session changed while you were at it; read it again.")
    session.refresh_from_db()
