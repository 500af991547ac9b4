"""What can be told about the swarm: past-tense facts, plain data."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from chimera.kernel.eventlog import Fact


class TaskFact(Fact):
    status: str
    task_type: str
    role: str
    priority: int
    agent: UUID | None = None
    concurrency_key: str = ""

    @classmethod
    def about(cls, task: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=task.pk,
            aggregate_version=task.version,
            session_id=task.session_id,
            task_id=task.pk,
            status=str(task.status),
            task_type=task.type,
            role=task.role,
            priority=task.priority,
            agent=task.agent_id,
            concurrency_key=task.concurrency_key,
            **more,
        )


class TaskCreated(TaskFact):
    type: ClassVar[str] = "swarm.task.created"
    parent: UUID | None = None
    depends_on: int = 0


class TaskQueued(TaskFact):
    type: ClassVar[str] = "swarm.task.queued"


class TaskClaimed(TaskFact):
    type: ClassVar[str] = "swarm.task.claimed"
    attempt: int
    resumed: bool = False


class TaskBlocked(TaskFact):
    type: ClassVar[str] = "swarm.task.blocked"
    reason: str


class TaskResumed(TaskFact):
    """A decision lets it go on; its next claim carries `resume`."""

    type: ClassVar[str] = "swarm.task.resumed"
    review: UUID | None = None


class TaskRequeued(TaskFact):
    """For another attempt: lease lost, result stale, or not good enough; `code` says which. Pending until `not_before`."""

    type: ClassVar[str] = "swarm.task.requeued"
    code: str
    reason: str
    not_before: datetime | None = None


class TaskCompleted(TaskFact):
    type: ClassVar[str] = "swarm.task.completed"
    result: UUID | None = None
    says: bool = True  # whether the result may have words to remember


class TaskFailed(TaskFact):
    type: ClassVar[str] = "swarm.task.failed"
    code: str
    reason: str


class TaskCancelled(TaskFact):
    type: ClassVar[str] = "swarm.task.cancelled"
    reason: str


class TaskDropped(TaskFact):
    """A dead letter was given up; `code` is what it died of. Its status is cancelled, and so is soon what waits for it."""

    type: ClassVar[str] = "swarm.task.dropped"
    code: str
    reason: str


class TaskProgressed(Fact):
    type: ClassVar[str] = "swarm.task.progressed"
    phase: str
    percentage: str | None
    message: str


class SessionFact(Fact):
    status: str
    state_version: int

    @classmethod
    def about(cls, session: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=session.pk,
            aggregate_version=session.version,
            session_id=session.pk,
            status=str(session.status),
            state_version=session.state_version,
            **more,
        )


class SessionCreated(SessionFact):
    type: ClassVar[str] = "swarm.session.created"


class SessionStarted(SessionFact):
    type: ClassVar[str] = "swarm.session.started"


class SessionPaused(SessionFact):
    type: ClassVar[str] = "swarm.session.paused"
    reason: str = ""


class SessionResumed(SessionFact):
    type: ClassVar[str] = "swarm.session.resumed"
    reason: str = ""


class SessionEnded(SessionFact):
    """Completed, failed or stopped; `status` says which."""

    type: ClassVar[str] = "swarm.session.ended"
    reason: str = ""


class SessionChanged(SessionFact):
    """Its context, budget or name changed, as `reason` says; all but the name raised state_version."""

    type: ClassVar[str] = "swarm.session.changed"
    reason: str = ""


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


class AgentFact(Fact):
    name: str
    status: str

    @classmethod
    def about(cls, agent: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=agent.pk, aggregate_version=agent.version, name=agent.name, status=str(agent.status), **more
        )


class AgentRegistered(AgentFact):
    type: ClassVar[str] = "swarm.agent.registered"
    role: str


class AgentPaused(AgentFact):
    type: ClassVar[str] = "swarm.agent.paused"
    reason: str = ""


class AgentResumed(AgentFact):
    type: ClassVar[str] = "swarm.agent.resumed"
    reason: str = ""


class AgentKilled(AgentFact):
    type: ClassVar[str] = "swarm.agent.killed"
    reason: str = ""


class AgentKeyIssued(AgentFact):
    type: ClassVar[str] = "swarm.agent.key_issued"
    key_prefix: str


class ConcurrencyLimitFact(Fact):
    scope: str
    value: str
    running_max: int

    @classmethod
    def about(cls, limit: Any) -> Self:
        return cls(
            aggregate_id=limit.pk,
            aggregate_version=limit.version,
            scope=str(limit.scope),
            value=limit.value,
            running_max=limit.running_max,
        )


class ConcurrencyLimitSet(ConcurrencyLimitFact):
    """How many tasks may run at once: in all (scope tenant), of a role, or under a concurrency_key."""

    type: ClassVar[str] = "swarm.limit.set"


class ConcurrencyLimitRemoved(ConcurrencyLimitFact):
    type: ClassVar[str] = "swarm.limit.removed"


class LockRevoked(Fact):
    """A person took a lock from its owner. Acquiring, renewing and releasing are no facts (ADR 0067)."""

    type: ClassVar[str] = "swarm.lock.revoked"
    resource: str
    fencing_number: int
    holder: str
    reason: str = ""

    @classmethod
    def about(cls, lock: Any, **more: Any) -> Self:
        """Each holder's lock has an id of its own, and nothing else is told about it: there is one version."""
        return cls(
            aggregate_id=lock.pk,
            aggregate_version=1,
            resource=lock.resource,
            fencing_number=lock.fencing_number,
            holder=lock.holder,
            **more,
        )


class ScheduleFact(Fact):
    campaign: UUID
    name: str
    status: str

    @classmethod
    def about(cls, schedule: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=schedule.pk,
            aggregate_version=schedule.version,
            session_id=schedule.session_id,
            campaign=schedule.campaign_id,
            name=schedule.name,
            status=str(schedule.status),
            **more,
        )


class ScheduleCreated(ScheduleFact):
    type: ClassVar[str] = "swarm.schedule.created"


class ScheduleChanged(ScheduleFact):
    """What of it changed, as `reason` says."""

    type: ClassVar[str] = "swarm.schedule.changed"
    reason: str = ""


class SchedulePaused(ScheduleFact):
    type: ClassVar[str] = "swarm.schedule.paused"
    reason: str = ""


class ScheduleResumed(ScheduleFact):
    type: ClassVar[str] = "swarm.schedule.resumed"
    reason: str = ""


class ScheduleEnded(ScheduleFact):
    type: ClassVar[str] = "swarm.schedule.ended"
    reason: str = ""


class ScheduleFired(ScheduleFact):
    """The run of `fire_at` made a task; `replaced` was cancelled for it."""

    type: ClassVar[str] = "swarm.schedule.fired"
    fire_at: datetime
    replaced: UUID | None = None


class ScheduleQueued(ScheduleFact):
    """The run of `fire_at` waits until the task before it has ended."""

    type: ClassVar[str] = "swarm.schedule.queued"
    fire_at: datetime


class ScheduleSkipped(ScheduleFact):
    """The run of `fire_at` made nothing: overlap, a pause, or what refused its task."""

    type: ClassVar[str] = "swarm.schedule.skipped"
    fire_at: datetime
    reason: str
    detail: str = ""


class ScheduleMissed(ScheduleFact):
    """Runs that passed while nobody looked: `number` of them from `first` on, more than those where `more`."""

    type: ClassVar[str] = "swarm.schedule.missed"
    first: datetime
    number: int
    more: bool
