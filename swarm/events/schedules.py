"""What can be told about schedules."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from chimera.kernel.eventlog import Fact


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
