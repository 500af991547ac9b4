"""The swarm's part of /api/v1/."""

from django.urls import path

from chimera.flows.bulk_tasks import BulkVerb
from swarm.api.agents import Agent, AgentKeys, AgentKill, Agents, AgentVerb
from swarm.api.bulk import TaskDrop, TasksBulk
from swarm.api.campaigns import Campaign, Campaigns, CampaignStop, CampaignVerb
from swarm.api.events import events
from swarm.api.leases import ClaimResults, TaskHeartbeat, TaskResult
from swarm.api.limits import Limit, LimitRemoval, Limits
from swarm.api.locks import LockRelease, LockRenewal, Locks
from swarm.api.longpoll import claims
from swarm.api.schedules import CampaignSchedules, Schedule, ScheduleRunNow, Schedules, ScheduleVerb
from swarm.api.sessions import Session, SessionCompletion, Sessions, SessionStop, SessionVerb
from swarm.api.stops import EverythingVerb, Stops, TenantDoor, TenantVerb
from swarm.api.tasks import Task, TaskBatch, TaskCancel, TaskRetry, Tasks

urlpatterns = [
    path("agents", Agents.as_view()),
    path("agents/<uuid:agent_id>", Agent.as_view()),
    path("agents/<uuid:agent_id>/keys", AgentKeys.as_view()),
    *(path(f"agents/<uuid:agent_id>/{verb}", AgentVerb.as_view(verb=verb)) for verb in ("pause", "resume")),
    path("agents/<uuid:agent_id>/kill", AgentKill.as_view()),
    path("campaigns", Campaigns.as_view()),
    path("campaigns/<uuid:campaign_id>", Campaign.as_view()),
    *(
        path(f"campaigns/<uuid:campaign_id>/{verb}", CampaignVerb.as_view(verb=verb))
        for verb in ("pause", "resume", "complete")
    ),
    path("campaigns/<uuid:campaign_id>/stop", CampaignStop.as_view()),
    path("campaigns/<uuid:campaign_id>/schedules", CampaignSchedules.as_view()),
    path("schedules", Schedules.as_view()),
    path("schedules/<uuid:schedule_id>", Schedule.as_view()),
    path("schedules/<uuid:schedule_id>/run", ScheduleRunNow.as_view()),
    *(
        path(f"schedules/<uuid:schedule_id>/{verb}", ScheduleVerb.as_view(verb=verb))
        for verb in ("pause", "resume", "stop")
    ),
    path("sessions", Sessions.as_view()),
    path("sessions/<uuid:session_id>", Session.as_view()),
    *(path(f"sessions/<uuid:session_id>/{verb}", SessionVerb.as_view(verb=verb)) for verb in ("pause", "resume")),
    path("sessions/<uuid:session_id>/complete", SessionCompletion.as_view()),
    path("sessions/<uuid:session_id>/stop", SessionStop.as_view()),
    path("sessions/<uuid:session_id>/events", events),
    path("tasks", Tasks.as_view()),
    path("tasks/batch", TaskBatch.as_view()),
    *(path(f"tasks/{verb}", TasksBulk.as_view(verb=verb)) for verb in BulkVerb),
    path("tasks/<uuid:task_id>", Task.as_view()),
    path("tasks/<uuid:task_id>/cancel", TaskCancel.as_view()),
    path("tasks/<uuid:task_id>/retry", TaskRetry.as_view()),
    path("tasks/<uuid:task_id>/drop", TaskDrop.as_view()),
    path("tasks/<uuid:task_id>/heartbeat", TaskHeartbeat.as_view()),
    path("tasks/<uuid:task_id>/result", TaskResult.as_view()),
    path("claims", claims),
    path("claims/results", ClaimResults.as_view()),
    path("concurrency-limits", Limits.as_view()),
    path("concurrency-limits/<uuid:limit_id>", Limit.as_view()),
    path("concurrency-limits/<uuid:limit_id>/remove", LimitRemoval.as_view()),
    path("tenant", TenantDoor.as_view()),
    *(path(f"tenant/{verb}", TenantVerb.as_view(verb=verb)) for verb in ("pause", "stop", "resume")),
    *(path(f"everything/{verb}", EverythingVerb.as_view(verb=verb)) for verb in ("pause", "stop", "resume")),
    path("stops", Stops.as_view()),
    path("locks", Locks.as_view()),
    path("locks/renew", LockRenewal.as_view()),
    path("locks/release", LockRelease.as_view()),
]
