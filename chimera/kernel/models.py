"""The kernel's tables, gathered where Django looks for them."""

from chimera.kernel.entrance.attempts import LoginAttempt
from chimera.kernel.eventlog import Event
from chimera.kernel.idempotency import Answer
from chimera.kernel.partitions import Partitioned
from chimera.kernel.relay.tables import Lane, ParkedEvent

__all__ = ["Answer", "Event", "Lane", "LoginAttempt", "ParkedEvent", "Partitioned"]
