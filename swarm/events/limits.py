"""What can be told about concurrency limits."""

from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


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
