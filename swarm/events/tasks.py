"""What can be told about tasks."""

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
    swept: bool = False  # whoever cancelled it looks after what is below it too


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
