"""What can be told about sessions."""

from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


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
