"""A slow lane: event by event, outside any transaction; what keeps failing is parked, and the lane goes on."""

import time

import structlog
from django.db import InterfaceError, OperationalError

from chimera.kernel import tenancy
from chimera.kernel.eventlog import Position, Recorded
from chimera.kernel.http.trace import begin_trace
from chimera.kernel.loop import Stop
from chimera.kernel.relay import cursor, parking
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.reactions import Slow, registry
from chimera.kernel.relay.survey import Survey
from chimera.kernel.relay.tables import ParkedEvent

log = structlog.get_logger()
PAUSES_SECONDS = (0.1, 0.5, 2.0)  # between tries of one event: most faults of a neighbour pass in seconds
ATTEMPTS_MAX = len(PAUSES_SECONDS) + 1
PASS_BY_SECONDS = 1.0  # a write for what is none of a lane's business; whoever leads next looks through it once more


class SlowLane:
    """Reads the facts of its own types alone. Past what none of its reactions wants the cursor moves once a second, if at all."""

    def __init__(self, name: str, stop: Stop, survey: Survey | None = None) -> None:
        self.name, self._stop = name, stop
        self._survey = survey or Survey()
        self._looked: cursor.Looked | None = None
        self._moved = 0.0  # when the cursor was last moved past what is others'

    def step(self) -> Pace:
        types = sorted(registry().slow.get(self.name, {}))
        batch = cursor.next_batch(self.name, types=types, looked=self._survey.stretched(self.name, self._looked))
        if batch.retrying and (parked := parking.next_to_retry(self.name)):
            self._retry(parked)
            return Pace.MORE
        at = batch.start
        wanted = [event for event in batch.events if self._wanted(event)]
        for event in wanted:
            at = self._handle(event, at)
            if self._stop:
                return Pace.MORE
        self._pass_by(at, batch)
        if wanted or batch.is_cut or self._tend():
            return Pace.MORE
        return Pace.WITHHELD if batch.withheld else Pace.IDLE

    def _tend(self) -> bool:
        tend = registry().tended.get(self.name)
        return tend is not None and tend()

    def _pass_by(self, at: Position, batch: cursor.Batch) -> None:
        """What is left of the batch is others': remembered at once, recorded now and then."""
        self._looked = cursor.Looked(at, batch.end)
        if at != batch.end and time.monotonic() - self._moved >= PASS_BY_SECONDS:
            cursor.move(self.name, frm=at, to=batch.end)
            self._looked, self._moved = cursor.Looked(batch.end, batch.end), time.monotonic()

    def _reactions(self, event: Recorded) -> tuple[Slow, ...]:
        return registry().slow.get(self.name, {}).get(event.type, ())

    def _wanted(self, event: Recorded) -> list[Slow]:
        return [reaction for reaction in self._reactions(event) if reaction.wants(event)]

    def _handle(self, event: Recorded, at: Position) -> Position:
        """Run the reactions of one event, then record it as done or parked, together with the cursor."""
        attempts, fault = self._try(event)
        if fault is None:
            cursor.move(self.name, frm=at, to=event.position)
            return event.position
        if self._stop:
            return at  # Not given the tries it is due: it is read again by whoever leads next.
        with tenancy.system():
            parking.park(event, lane=self.name, attempts=attempts, fault=fault)
            cursor.advance(self.name, frm=at, to=event.position)
        return event.position

    def _try(self, event: Recorded) -> tuple[int, Exception | None]:
        """How often it was tried, and the last fault if it never ran through."""
        attempts = 0
        while True:
            attempts += 1
            fault = self._once(event)
            if fault is None or attempts == ATTEMPTS_MAX:
                return attempts, fault
            log.warning(
                "reaction_failed",
                lane=self.name,
                position=str(event.position),
                attempt=attempts,
                error=repr(fault),
            )
            if self._stop.wait(PAUSES_SECONDS[attempts - 1]):
                return attempts, fault

    def _once(self, event: Recorded) -> Exception | None:
        begin_trace(f"00-{event.trace_id}-{'0' * 16}-01")
        try:
            for reaction in self._wanted(event):
                reaction.fn(event)
        except Exception as fault:
            if is_outage(fault):
                raise  # Nobody's fault but the database's: the lane backs off, and parks nothing.
            return fault
        return None

    def _retry(self, parked: ParkedEvent) -> None:
        event = parked.recorded()
        fault = (
            self._once(event)
            if self._reactions(event)
            else LookupError(f"nothing reacts to {event.type} in lane {self.name} any more")
        )
        with tenancy.system():
            parking.settle(parked, fault=fault)


def is_outage(fault: BaseException) -> bool:
    """Whether PostgreSQL cannot be reached or has no room, as against refusing this very work."""
    if not isinstance(fault, OperationalError | InterfaceError):
        return False
    state = getattr(fault.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "53", "57P"))
