"""One look at the log for all lanes of a process: who reads every fact tells the others what is none of their business.

So a lane of late work asks PostgreSQL when something of its own has come, and now and then; it is not woken by every
nudge. In a process that leads no lane of all facts there is no survey, and each lane looks for itself.
"""

import time
from collections.abc import Callable

from chimera.kernel.eventlog import Position, Recorded
from chimera.kernel.relay.cursor import Batch, Looked
from chimera.kernel.relay.reactions import registry

STANDS_SECONDS = 1.0  # after the last step of who makes it; in between it may be waiting, for half as long at most


class Survey:
    """Made by one thread, and read by others; what it says of a lane is replaced as a whole."""

    def __init__(self) -> None:
        self._clear: dict[str, tuple[Position, Position]] = {}  # by lane: in between nothing is of its business
        self._wakes: dict[str, Callable[[], None]] = {}
        self._made = -STANDS_SECONDS

    def wakes(self, lane: str, wake: Callable[[], None]) -> None:
        """Called when something has come for this lane."""
        self._wakes[lane] = wake

    def stands(self) -> bool:
        """Whether it is being made."""
        return time.monotonic() - self._made < STANDS_SECONDS

    def step(self) -> None:
        """Who makes it is at work, though nothing may have come."""
        self._made = time.monotonic()

    def passed(self, batch: Batch) -> None:
        """By who reads all facts."""
        if batch.end <= batch.begin:
            return
        for lane in registry().slow:
            if any(wants(lane, event) for event in batch.events):
                self._clear[lane] = batch.end, batch.end
                if wake := self._wakes.get(lane):
                    wake()
            else:
                begin, end = self._clear.get(lane, (batch.end, batch.end))
                self._clear[lane] = (begin if end == batch.begin else batch.begin), batch.end

    def stretched(self, lane: str, looked: Looked | None) -> Looked | None:
        """What a lane has looked at, and what was seen for it right behind that."""
        if looked is None:
            return None
        begin, end = self._clear.get(lane, (looked.upto, looked.upto))
        return Looked(looked.at, end) if begin <= looked.upto <= end else looked


def wants(lane: str, event: Recorded) -> bool:
    """Whether a reaction of this slow lane has something to do for it."""
    return any(reaction.wants(event) for reaction in registry().slow.get(lane, {}).get(event.type, ()))
