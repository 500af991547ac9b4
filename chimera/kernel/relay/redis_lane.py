"""Lane redis: dispatch and streams, whole batches in one pipeline. It never parks: it stops and backs off."""

from typing import Any

from redis.exceptions import ResponseError

from chimera.kernel import redis, stream, tenancy
from chimera.kernel.relay import cursor
from chimera.kernel.relay.epoch import Epoch
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.reactions import REDIS, registry


class RedisLane:
    name = REDIS

    def __init__(self) -> None:
        self._epoch = Epoch()

    def step(self) -> Pace:
        """React to the next batch, send the pipeline, then move the cursor. A crash in between repeats the batch."""
        client = redis.client()
        self._epoch.certify(client)
        batch = cursor.next_batch(self.name, with_previous=True)
        if not batch.events:
            return Pace.WITHHELD if batch.withheld else Pace.IDLE
        pipe = client.pipeline(transaction=False)
        self._react(batch, pipe)
        stream.append(batch.events, batch.previous, pipe)
        _send(pipe)
        with tenancy.system():
            cursor.advance(self.name, frm=batch.start, to=batch.end)
        return Pace.MORE

    def _react(self, batch: cursor.Batch, pipe: Any) -> None:
        for fn, types in registry().fast.items():
            if mine := [event for event in batch.events if event.type in types]:
                fn(mine, pipe)


def _send(pipe: Any) -> None:
    """Execute; an XADD whose id the stream already has is a repetition after a crash, and welcome."""
    for answer in pipe.execute(raise_on_error=False):
        if isinstance(answer, ResponseError) and stream.is_repetition(answer):
            continue
        if isinstance(answer, Exception):
            raise answer
