"""What can be told about stops of a tenant, and of everything: each tenant's log says what acts on it."""

from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


class StopFact(Fact):
    scope: str  # tenant, or everything
    reason: str

    @classmethod
    def about(cls, stop: Any, *, reason: str, **more: Any) -> Self:
        """`aggregate_version` is 1 when it begins and 2 when it is lifted."""
        return cls(
            aggregate_id=stop.pk,
            aggregate_version=1 if stop.acts else 2,
            scope=str(stop.scope),
            reason=reason,
            **more,
        )


class TenantPaused(StopFact):
    """Nothing is handed out any more; what is held may be finished."""

    type: ClassVar[str] = "swarm.tenant.paused"


class TenantStopped(StopFact):
    """Nothing of an agent is accepted any more, and its leases are revoked."""

    type: ClassVar[str] = "swarm.tenant.stopped"


class TenantResumed(StopFact):
    """A pause or a stop was lifted; another one may still act."""

    type: ClassVar[str] = "swarm.tenant.resumed"
    kind: str  # of what was lifted
