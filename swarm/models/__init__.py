from swarm.models.agent import AgentKey, AgentProfile
from swarm.models.campaign import Campaign, SwarmSession
from swarm.models.limit import ConcurrencyLimit
from swarm.models.lock import ResourceLock
from swarm.models.result import TaskArtifact, TaskProgress, TaskResult
from swarm.models.schedule import Schedule, ScheduleRun
from swarm.models.stop import Stop
from swarm.models.task import ExternalId, Task, TaskDependency
from swarm.models.tenant import Membership, PersonalToken, Tenant

__all__ = [
    "AgentKey",
    "AgentProfile",
    "Campaign",
    "ConcurrencyLimit",
    "ExternalId",
    "Membership",
    "PersonalToken",
    "ResourceLock",
    "Schedule",
    "ScheduleRun",
    "Stop",
    "SwarmSession",
    "Task",
    "TaskArtifact",
    "TaskDependency",
    "TaskProgress",
    "TaskResult",
    "Tenant",
]
