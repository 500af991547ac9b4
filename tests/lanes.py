"""The relay's lanes, stepped in the test's own process."""

from chimera.kernel import relay
from chimera.kernel.loop import Stop
from chimera.kernel.relay.reactions import CLOCK, REDIS
from chimera.kernel.relay.redis_lane import RedisLane
from chimera.kernel.relay.slow_lane import SlowLane

TURNS_MAX = 500


def settle() -> None:
    """Step every lane but the clock until none has work; fails when they never come to rest."""
    stop = Stop()
    lanes = [RedisLane(), *(SlowLane(name, stop) for name in relay.registry().lanes() if name not in {REDIS, CLOCK})]
    for _ in range(TURNS_MAX):
        worked = [_worked(lane) for lane in lanes]
        if not any(worked):
            return
    raise AssertionError("the lanes never come to rest")


def _worked(lane: RedisLane | SlowLane) -> bool:
    return lane.step().value in {"more", "done", "told"}
