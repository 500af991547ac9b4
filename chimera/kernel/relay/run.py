"""Runs lanes, one thread each, until stopped: standby until it leads, then step after step."""

import threading
import time
from collections.abc import Sequence
from typing import Protocol

import psycopg
import structlog
from django.db import connections

from chimera.kernel import redis
from chimera.kernel.loop import Stop
from chimera.kernel.relay import cursor, direct, reactions
from chimera.kernel.relay.clock_lane import ClockLane
from chimera.kernel.relay.leader import STANDBY_SECONDS, Leadership
from chimera.kernel.relay.pace import SLOW_REST_SECONDS, Nudges, Pace, Waiter
from chimera.kernel.relay.reactions import CLOCK, REDIS, registry
from chimera.kernel.relay.redis_lane import RedisLane
from chimera.kernel.relay.slow_lane import SlowLane, is_outage
from chimera.kernel.relay.survey import Survey

log = structlog.get_logger()
BACKOFF_SECONDS_MAX = 2.0  # a lane that stopped must go on soon after its neighbour is back
STOP_SECONDS = 1.0  # then we leave; what a lane had in hand is repeated by the next leader


class Steps(Protocol):
    name: str

    def step(self) -> Pace: ...


class LaneThread(threading.Thread):
    def __init__(self, lane: Steps, stop: Stop) -> None:
        super().__init__(name=f"relay-{lane.name}", daemon=True)
        self.lane, self._stop_signal = lane, stop
        self.waiter = Waiter(rest_seconds=SLOW_REST_SECONDS if isinstance(lane, SlowLane) else 0.0)
        self._leadership = Leadership(lane.name)
        self._failures = 0

    def run(self) -> None:
        try:
            while not self._stop_signal:
                self._turn()
        finally:
            self._leadership.release()
            direct.close()
            connections.close_all()

    def _turn(self) -> None:
        try:
            if not self._leadership.take():
                self._stop_signal.wait(STANDBY_SECONDS)
                return
            pace = self.lane.step()
            self._failures = 0
        except cursor.Fenced:
            log.warning("fenced", lane=self.lane.name)
            self._leadership.release()
            self._stop_signal.wait(STANDBY_SECONDS)
        except Exception as fault:
            self._back_off(fault)
        else:
            if not self._stop_signal:
                self.waiter.wait(pace)

    def _back_off(self, fault: Exception) -> None:
        """What is away is said in one line; what nobody foresaw with its traceback. Either way the lane tries again."""
        self._failures += 1
        pause = min(BACKOFF_SECONDS_MAX, 0.05 * 2**self._failures)
        expected = isinstance(fault, (*redis.FAULTS, redis.Away, psycopg.Error)) or is_outage(fault)
        log.error(
            "lane_stopped",
            lane=self.lane.name,
            pause_seconds=pause,
            error=repr(fault),
            exc_info=None if expected else fault,
        )
        direct.close()
        connections.close_all()  # the pool checks what it hands out next
        self._stop_signal.wait(pause)


class Relay:
    """The lanes of one process. `run` blocks until `stop`; `start` and `finish` do the same in two halves."""

    def __init__(self, lanes: Sequence[str] | None = None, *, stop: Stop) -> None:
        known = registry().lanes()
        names = list(lanes) if lanes else known
        if unknown := sorted(set(names) - set(known)):
            raise ValueError(f"no such lane: {', '.join(unknown)}; the lanes are: {', '.join(known)}")
        self.stop = stop
        self._survey = Survey()
        self.threads = [LaneThread(_lane(name, stop, self._survey), stop) for name in names]
        for thread in self.threads:
            if isinstance(thread.lane, SlowLane):
                self._survey.wakes(thread.lane.name, thread.waiter.wake)
        self._nudges = Nudges(self._nudged, stop)

    def run(self) -> None:
        self.start()
        while not self.stop:
            self.stop.wait(3600)
        self.finish()

    def _nudged(self, soon: bool) -> None:
        for thread in self.threads:
            if thread.lane.name == REDIS or (thread.lane.name != CLOCK and not self._survey.stands()):
                thread.waiter.wake(soon=soon)

    def start(self) -> None:
        log.info("relay_started", lanes=[thread.lane.name for thread in self.threads])
        self._nudges.start()
        for thread in self.threads:
            thread.start()

    def finish(self) -> bool:
        """Stop; True when every lane ended by itself in time."""
        self.stop.now()
        deadline = time.monotonic() + STOP_SECONDS
        for lane in self.threads:
            lane.waiter.wake()
        for thread in self.threads:  # the nudges' thread holds nothing, and ends by itself
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.lane.name for thread in self.threads if thread.is_alive()]
        log.info("relay_stopped", late=late)
        return not late


def _lane(name: str, stop: Stop, survey: Survey) -> Steps:
    match name:
        case reactions.REDIS:
            return RedisLane(survey)
        case reactions.CLOCK:
            return ClockLane()
        case _:
            return SlowLane(name, stop, survey)
