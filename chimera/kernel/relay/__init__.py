"""The relay: reads the event log lane by lane and does what late work there is (docs/architecture.md).

The composition root registers who reacts to what by `register`; `manage.py relay` runs the lanes.
"""

from typing import TYPE_CHECKING

from chimera.kernel.relay.reactions import Fast, Reaction, Slow, fast, reacting, register, registry, slow

if TYPE_CHECKING:
    from chimera.kernel.actors import Actor
    from chimera.kernel.relay.tables import ParkedEvent

__all__ = ["Fast", "Reaction", "Slow", "fast", "reacting", "register", "registry", "retry_parked", "slow"]


def retry_parked(*, parked: "ParkedEvent", by: "Actor") -> None:
    """Hand a parked event back to its lane, which runs its reactions again, soon and outside this transaction.

    Raises Stale when it is being retried or is resolved already.
    """
    from chimera.kernel.relay import parking  # models: not before Django is ready

    parking.retry_parked(parked=parked, by=by)
