"""Lane redis: dispatch and streams, whole batches in one pipeline. It never parks: it stops and backs off."""

from typing import Any

from redis.exceptions import ResponseError

from chimera.kernel import redis, stream
from chimera.kernel.relay import cursor
from chimera.kernel.relay.chains import Chains
from chimera.kernel.relay.epoch import Epoch
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.reactions import REDIS, registry


class RedisLane:
    name = REDIS

    def __init__(self) -> None:
        self._epoch = Epoch()
        self._chains = Chains()
        self._ahead: cursor.Batch | None = None  # read already, with the move that ended the last step

    def step(self) -> Pace:
        """React to the next batch, send the pipeline, then move the cursor. A crash in between repeats the batch."""
        client = redis.client()
        self._epoch.certify(client)
        batch, self._ahead = self._ahead or cursor.next_batch(self.name), None
        if not batch.events:
            return Pace.WITHHELD if batch.withheld else Pace.IDLE
        pipe = client.pipeline(transaction=False)
        self._react(batch, pipe)
        stream.append(batch.events, self._chains.before(batch), pipe)
        if not self._epoch.is_still(_send(pipe)):
            return Pace.MORE  # Redis was lost meanwhile: it is rebuilt, and told the same again.
        following = cursor.move_on(self.name, frm=batch.start, to=batch.end)
        self._chains.follow(batch)
        if not following.events:
            return Pace.MORE if following.withheld else Pace.DONE
        self._ahead = following
        return Pace.MORE

    def _react(self, batch: cursor.Batch, pipe: Any) -> None:
        for fn, types in registry().fast.items():
            if mine := [event for event in batch.events if event.type in types]:
                fn(mine, pipe)


def _send(pipe: Any) -> str:
    """Execute, and answer which epoch it was; an XADD whose id is there is a repetition after a crash, and welcome."""
    pipe.get(redis.EPOCH)
    answers = pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, ResponseError) and stream.is_repetition(answer):
            continue
        if isinstance(answer, Exception):
            raise answer
    return str(answers[-1] or "")
