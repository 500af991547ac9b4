"""What can be told about agents."""

from datetime import datetime
from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


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


class AgentSilent(AgentFact):
    """Nothing was heard of it since about `last_seen_at`; it is inactive until it is heard of again."""

    type: ClassVar[str] = "swarm.agent.silent"
    last_seen_at: datetime


class AgentHeard(AgentFact):
    """It was silent, and is active again."""

    type: ClassVar[str] = "swarm.agent.heard"


class AgentKilled(AgentFact):
    type: ClassVar[str] = "swarm.agent.killed"
    reason: str = ""


class AgentKeyIssued(AgentFact):
    type: ClassVar[str] = "swarm.agent.key_issued"
    key_prefix: str
