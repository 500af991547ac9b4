"""Lane redis: dispatch and streams, whole batches in one pipeline. It never parks: it stops and backs off."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chimera.kernel import redis, stream
from chimera.kernel.eventlog import Position, Recorded
from chimera.kernel.relay import cursor
from chimera.kernel.relay.chains import Chains
from chimera.kernel.relay.epoch import Epoch
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.reactions import REDIS, registry
from chimera.kernel.relay.survey import Survey

if TYPE_CHECKING:
    from chimera.kernel.relay.reactions import FastFn

MOVE_SECONDS = 0.25  # a write for every look would cost more than the look


class RedisLane:
    """Its cursor follows what it did by MOVE_SECONDS at most: who leads after a crash repeats so much."""

    name = REDIS

    def __init__(self, survey: Survey | None = None) -> None:
        self._survey = survey or Survey()
        self._epoch = Epoch()
        self._chains = Chains()
        self._ahead: cursor.Batch | None = None  # read already, by what ended the last step
        self._done: cursor.Looked | None = None  # and not recorded yet
        self._early: set[Position] = set()  # unsettled facts that were reacted to before their turn
        self._moved = 0.0

    def step(self) -> Pace:
        """React to the next batch, send the pipeline, and then see what follows. A crash in between repeats the batch."""
        client = redis.client()
        self._epoch.certify(client)
        self._survey.step()
        batch, self._ahead = self._ahead or self._next(), None
        if not batch.events and self._early.issuperset(event.position for event in batch.unsettled):
            self._record()
            return Pace.WITHHELD if batch.withheld else Pace.IDLE
        pipe = client.pipeline(transaction=False)
        has_told = self._react(self._committed(batch), pipe, early=True)
        if len(pipe) and _reacting(batch.events, early=False):  # what was handed out waits for nothing else
            if not self._epoch.is_still(_send(pipe)):
                return Pace.MORE
            self._early.update(event.position for event in (*batch.events, *batch.unsettled))
        has_told = self._react(batch.events, pipe, early=False) or has_told
        stream.append(batch.events, self._chains.before(batch), pipe)
        if not self._epoch.is_still(_send(pipe)):
            return Pace.MORE  # Redis was lost meanwhile: it is rebuilt, and told the same again.
        self._early = {position for position in self._early if position > batch.end}
        self._early.update(event.position for event in batch.unsettled)
        self._ahead = self._after(batch)
        self._chains.follow(batch)
        self._survey.passed(batch)
        if batch.is_cut or self._ahead:
            return Pace.MORE
        return Pace.WITHHELD if batch.withheld else Pace.TOLD if has_told else Pace.DONE

    def _next(self) -> cursor.Batch:
        """Raises Fenced when somebody else moved the cursor since."""
        batch = cursor.next_batch(self.name, looked=self._done)
        if self._done and batch.start != self._done.at:
            self._done = None
            raise cursor.Fenced(self.name)
        return batch

    def _after(self, batch: cursor.Batch) -> cursor.Batch | None:
        """Keep what was done. When it is time to record that, what follows is read in the same statement if some is known to."""
        self._done = cursor.Looked(batch.start, batch.end)
        if time.monotonic() - self._moved < MOVE_SECONDS:
            return None
        if not batch.is_cut:
            self._record()
            return None
        following = cursor.move_on(self.name, frm=batch.start, to=batch.end)
        self._done, self._moved = None, time.monotonic()
        return following if following.events else None

    def _record(self) -> None:
        done, self._done = self._done, None
        if done and done.at != done.upto:
            cursor.move(self.name, frm=done.at, to=done.upto)
            self._moved = time.monotonic()

    def _committed(self, batch: cursor.Batch) -> list[Recorded]:
        """Settled or not, and not reacted to before their turn."""
        return [event for event in (*batch.events, *batch.unsettled) if event.position not in self._early]

    def _react(self, events: Sequence[Recorded], pipe: Any, *, early: bool) -> bool:
        """Whether a reaction told facts of its own."""
        told = False
        for fn, mine in _reacting(events, early=early):
            told = bool(fn(mine, pipe)) or told
        return told


def _reacting(events: Sequence[Recorded], *, early: bool) -> "list[tuple[FastFn, list[Recorded]]]":
    """Who does, and to which of them."""
    known = registry()
    asked = [(fn, types) for fn, types in known.fast.items() if (fn in known.early) is early]
    given = [(fn, [event for event in events if event.type in types]) for fn, types in asked]
    return [(fn, mine) for fn, mine in given if mine]


def _send(pipe: Any) -> str:
    """Execute, and answer which epoch it was."""
    pipe.get(redis.EPOCH)
    return str(pipe.execute()[-1] or "")
