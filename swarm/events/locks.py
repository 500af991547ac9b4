"""What can be told about agents' locks."""

from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


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
