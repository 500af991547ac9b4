"""Lane `index`: looks after the index whenever a memory was told of, and otherwise about every half second.

It follows the list of changes, and not the events: these wake it, the list knows all. An index that is away costs this
lane its deadline and then a pause; nothing is parked for it, and no other lane waits.
"""

import time

import structlog

from chimera.kernel.eventlog import Recorded
from memory.actions import drift, generations, indexing, leftovers
from memory.stores.weaviate.breaker import pushing
from memory.stores.weaviate.wire import IndexAway, is_configured

log = structlog.get_logger()
VERIFY_SECONDS = 5.0  # how long an index that was set back may answer searches as if it were not
_verified = float("-inf")


def follow(event: Recorded) -> None:
    """Reaction to what is told of memories: what waits is written."""
    tend()


def tend() -> bool:
    """One step of whatever there is to do; False when there was nothing, or the index is away."""
    if not is_configured():
        return False
    try:
        with pushing.guard():
            return _step()
    except (IndexAway, indexing.Busy):
        return False


def _step() -> bool:
    global _verified
    if _verified == float("-inf"):
        _check_schema()
    if time.monotonic() - _verified >= VERIFY_SECONDS:
        generations.verify()
        leftovers.drop()
        _verified = time.monotonic()
    worked = indexing.push_waiting()
    worked = generations.walk() or worked
    generations.drop_replaced()
    return worked


def _check_schema() -> None:
    """At the start of whoever leads."""
    if left := drift.repair(drift.compare()):
        log.error("index_drift_left", drifts=[str(one) for one in left], run=drift.REINDEX)


def look_at_once() -> None:
    """The next step verifies."""
    global _verified
    _verified = float("-inf")
    pushing.forget()
