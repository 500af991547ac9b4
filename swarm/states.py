"""How sessions, tasks, campaigns and agents may change, and who may change them."""

from enum import StrEnum

from chimera.kernel.states import AGENT, HUMAN, SYSTEM, Machine, edge


class CampaignStatus(StrEnum):
    PLANNING = "planning"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"


CAMPAIGN = Machine(
    "campaign",
    start=CampaignStatus.PLANNING,
    ends=[CampaignStatus.COMPLETED, CampaignStatus.STOPPED],
    edges=[
        edge(CampaignStatus.PLANNING, CampaignStatus.ACTIVE, SYSTEM, HUMAN, AGENT, why="its first session began"),
        edge(CampaignStatus.ACTIVE, CampaignStatus.PAUSED, HUMAN, why="paused by an operator"),
        edge(CampaignStatus.PAUSED, CampaignStatus.ACTIVE, HUMAN, why="resumed by an operator"),
        edge(CampaignStatus.ACTIVE, CampaignStatus.COMPLETED, HUMAN, why="its goal is reached"),
        edge(CampaignStatus.PAUSED, CampaignStatus.COMPLETED, HUMAN, why="its goal is reached"),
        edge(CampaignStatus.PLANNING, CampaignStatus.STOPPED, HUMAN, why="stopped before it began"),
        edge(CampaignStatus.ACTIVE, CampaignStatus.STOPPED, HUMAN, why="stopped by an operator"),
        edge(CampaignStatus.PAUSED, CampaignStatus.STOPPED, HUMAN, why="stopped by an operator"),
    ],
)


class SessionStatus(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


SESSION_OPEN = (SessionStatus.CREATED, SessionStatus.RUNNING, SessionStatus.PAUSED)

SESSION = Machine(
    "session",
    start=SessionStatus.CREATED,
    ends=[SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.STOPPED],
    edges=[
        edge(SessionStatus.CREATED, SessionStatus.RUNNING, SYSTEM, HUMAN, AGENT, why="its first task was created"),
        edge(SessionStatus.CREATED, SessionStatus.PAUSED, HUMAN, AGENT, why="paused before its first task"),
        edge(SessionStatus.RUNNING, SessionStatus.PAUSED, HUMAN, AGENT, why="paused: nothing is handed out"),
        edge(SessionStatus.PAUSED, SessionStatus.RUNNING, HUMAN, AGENT, why="resumed"),
        edge(SessionStatus.CREATED, SessionStatus.COMPLETED, HUMAN, AGENT, why="closed without a task"),
        edge(SessionStatus.RUNNING, SessionStatus.COMPLETED, HUMAN, AGENT, why="every task ended"),
        edge(SessionStatus.PAUSED, SessionStatus.COMPLETED, HUMAN, AGENT, why="every task ended"),
        edge(SessionStatus.RUNNING, SessionStatus.FAILED, HUMAN, AGENT, SYSTEM, why="given up"),
        edge(SessionStatus.PAUSED, SessionStatus.FAILED, HUMAN, AGENT, SYSTEM, why="given up"),
        edge(
            SessionStatus.CREATED,
            SessionStatus.STOPPED,
            HUMAN,
            AGENT,
            SYSTEM,
            why="stopped: its open tasks are cancelled",
        ),
        edge(
            SessionStatus.RUNNING,
            SessionStatus.STOPPED,
            HUMAN,
            AGENT,
            SYSTEM,
            why="stopped: its open tasks are cancelled",
        ),
        edge(
            SessionStatus.PAUSED,
            SessionStatus.STOPPED,
            HUMAN,
            AGENT,
            SYSTEM,
            why="stopped: its open tasks are cancelled",
        ),
    ],
)


class TaskStatus(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TASK_WAITING = (TaskStatus.PENDING, TaskStatus.QUEUED)  # nobody is at them
TASK_OPEN = (TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.BLOCKED)

TASK = Machine(
    "task",
    start=TaskStatus.PENDING,
    ends=[TaskStatus.COMPLETED, TaskStatus.CANCELLED],
    edges=[
        edge(TaskStatus.PENDING, TaskStatus.QUEUED, SYSTEM, why="ready: its id goes to Redis"),
        edge(TaskStatus.PENDING, TaskStatus.BLOCKED, SYSTEM, why="manual: waits for a person before its first claim"),
        edge(TaskStatus.QUEUED, TaskStatus.RUNNING, AGENT, why="claimed with a new lease"),
        edge(TaskStatus.RUNNING, TaskStatus.COMPLETED, AGENT, why="its result passed"),
        edge(TaskStatus.RUNNING, TaskStatus.BLOCKED, AGENT, SYSTEM, why="a person or a judge must look first"),
        edge(
            TaskStatus.RUNNING,
            TaskStatus.QUEUED,
            AGENT,
            SYSTEM,
            why="result stale or sent back, lease revoked or connection lost: again at once",
        ),
        edge(
            TaskStatus.RUNNING,
            TaskStatus.PENDING,
            AGENT,
            SYSTEM,
            why="failed or lapsed, attempts left: waits before the next",
        ),
        edge(TaskStatus.RUNNING, TaskStatus.FAILED, AGENT, SYSTEM, why="failed for good, or attempts used up"),
        edge(
            TaskStatus.BLOCKED,
            TaskStatus.QUEUED,
            HUMAN,
            AGENT,
            why="go on, changes requested, or the judge sent it back",
        ),
        edge(TaskStatus.BLOCKED, TaskStatus.PENDING, HUMAN, why="approved, but it still waits for others"),
        edge(TaskStatus.BLOCKED, TaskStatus.COMPLETED, HUMAN, AGENT, why="result approved, or passed by its judge"),
        edge(TaskStatus.BLOCKED, TaskStatus.FAILED, HUMAN, AGENT, SYSTEM, why="rejected, or the card expired"),
        edge(TaskStatus.FAILED, TaskStatus.QUEUED, HUMAN, AGENT, why="retried by a person or its planner"),
        edge(TaskStatus.FAILED, TaskStatus.PENDING, HUMAN, AGENT, why="retried, but it still waits for others"),
        edge(TaskStatus.FAILED, TaskStatus.CANCELLED, HUMAN, AGENT, why="dropped from the dead-letter view"),
        edge(TaskStatus.PENDING, TaskStatus.CANCELLED, HUMAN, AGENT, SYSTEM, why="cancelled"),
        edge(TaskStatus.QUEUED, TaskStatus.CANCELLED, HUMAN, AGENT, SYSTEM, why="cancelled"),
        edge(TaskStatus.RUNNING, TaskStatus.CANCELLED, HUMAN, AGENT, SYSTEM, why="cancelled: its lease is revoked"),
        edge(TaskStatus.BLOCKED, TaskStatus.CANCELLED, HUMAN, AGENT, SYSTEM, why="cancelled: its card is withdrawn"),
    ],
)


class AgentStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class Inactivity(StrEnum):
    """Why an agent is inactive."""

    PAUSED = "paused"  # by a person, who also resumes it
    SILENT = "silent"  # not heard of for too long; hearing of it ends that


AGENT_STATES = Machine(
    "agent",
    start=AgentStatus.ACTIVE,
    ends=[],
    edges=[
        edge(AgentStatus.ACTIVE, AgentStatus.INACTIVE, HUMAN, SYSTEM, why="paused, or silent for too long"),
        edge(AgentStatus.INACTIVE, AgentStatus.ACTIVE, HUMAN, SYSTEM, AGENT, why="resumed, or heard of again"),
        edge(AgentStatus.ACTIVE, AgentStatus.SUSPENDED, HUMAN, why="killed: its leases are revoked"),
        edge(AgentStatus.INACTIVE, AgentStatus.INACTIVE, HUMAN, why="paused while it was silent"),
        edge(AgentStatus.INACTIVE, AgentStatus.SUSPENDED, HUMAN, why="killed: its leases are revoked"),
        edge(AgentStatus.SUSPENDED, AgentStatus.ACTIVE, HUMAN, why="let in again by a person"),
    ],
)


class ScheduleStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


SCHEDULE = Machine(
    "schedule",
    start=ScheduleStatus.ACTIVE,
    starts=[ScheduleStatus.PAUSED],
    ends=[ScheduleStatus.ENDED],
    edges=[
        edge(ScheduleStatus.ACTIVE, ScheduleStatus.PAUSED, HUMAN, AGENT, why="paused: it does not fire"),
        edge(ScheduleStatus.PAUSED, ScheduleStatus.ACTIVE, HUMAN, AGENT, why="resumed: fires from now on"),
        edge(
            ScheduleStatus.ACTIVE,
            ScheduleStatus.ENDED,
            HUMAN,
            AGENT,
            SYSTEM,
            why="stopped, past its end, or its campaign is over",
        ),
        edge(ScheduleStatus.PAUSED, ScheduleStatus.ENDED, HUMAN, AGENT, SYSTEM, why="stopped, or its campaign is over"),
    ],
)


class RunStatus(StrEnum):
    CREATED = "created"
    WAITING = "waiting"
    SKIPPED = "skipped"
    MISSED = "missed"
    REPLACED = "replaced"


RUN = Machine(
    "schedule_run",
    start=RunStatus.CREATED,
    starts=[RunStatus.WAITING, RunStatus.SKIPPED, RunStatus.MISSED],
    ends=[RunStatus.SKIPPED, RunStatus.MISSED, RunStatus.REPLACED],
    edges=[
        edge(RunStatus.WAITING, RunStatus.CREATED, SYSTEM, HUMAN, AGENT, why="the task before it ended"),
        edge(RunStatus.WAITING, RunStatus.SKIPPED, HUMAN, AGENT, SYSTEM, why="its schedule ended, or the rule changed"),
        edge(RunStatus.CREATED, RunStatus.REPLACED, SYSTEM, HUMAN, AGENT, why="cancelled for the next run"),
    ],
)


class LimitScope(StrEnum):
    """What a concurrency limit counts."""

    TENANT = "tenant"
    ROLE = "role"
    KEY = "key"


class StopScope(StrEnum):
    """Whom a stop acts on."""

    TENANT = "tenant"
    EVERYTHING = "everything"  # every tenant, those that are yet to come too


class StopKind(StrEnum):
    """What is not accepted while it acts; of two that act the one that sorts last takes more away."""

    PAUSE = "pause"  # nothing new is handed out; what is held may be finished
    STOP = "stop"  # nothing is accepted at all, and every lease is revoked


# Of the error of a task whose lease was taken away, by a stop or by its agent's kill; by them it finds its place in the queue again.
STOPPED_CODE = "stopped"
REVOKED_CODE = "lease_revoked"
