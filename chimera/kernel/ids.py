"""UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 12 bits that count within one millisecond.

Monotonic within a process and never ahead of the clock: rows are partitioned by the month in their id, so an id from
the future would lie in the wrong month. When the counter of a millisecond is used up, the next id waits for the next one.
"""

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chimera.kernel import clock

_COUNTER_MAX = 0xFFF
_lock = threading.Lock()
_last_ms = 0
_counter = 0


def uuid7() -> UUID:
    global _last_ms, _counter
    with _lock:
        ms = _milliseconds()
        if ms <= _last_ms and _last_ms - ms < 1_000:
            # Same millisecond, or a clock stepped back a little: go on counting where we were.
            ms, _counter = _last_ms, _counter + 1
            if _counter > _COUNTER_MAX:
                ms, _counter = _next_millisecond(_last_ms), 0
        else:
            _counter = secrets.randbits(10)  # Room to count, and no two processes start alike.
        _last_ms = ms
        counter = _counter
    return _compose(ms, counter, secrets.randbits(62))


def first_of(at: datetime) -> UUID:
    """The smallest id that can be made at or after `at`: the bound for queries by time."""
    return UUID(int=(int(at.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80)


def time_of(value: UUID) -> datetime:
    """When a UUIDv7 was made, in UTC, to the millisecond."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=value.int >> 80)


def _milliseconds() -> int:
    return int(clock.now().timestamp() * 1000)


def _next_millisecond(after: int) -> int:
    deadline = time.monotonic() + 0.01
    while (ms := _milliseconds()) <= after and time.monotonic() < deadline:
        time.sleep(0.0002)
    return max(ms, after + 1)  # A held clock does not move; then one millisecond ahead keeps the order.


def _compose(ms: int, counter: int, tail: int) -> UUID:
    return UUID(int=(ms << 80) | (0x7 << 76) | (counter << 64) | (0b10 << 62) | tail)
