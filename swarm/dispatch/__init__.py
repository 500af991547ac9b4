"""The outside world of the swarm: ids of QUEUED tasks in Redis lists, popped ids in an inflight set with deadlines.

Redis only hints. A lost id comes back by `restock`, a doubled id finds its task no longer QUEUED.
"""

from swarm.dispatch.calling import (
    call_agent,
    call_freed,
    call_holder,
    call_house,
    call_tenant,
    call_tenants_now,
    everybody_of,
    slots_of,
)
from swarm.dispatch.dealing import deal
from swarm.dispatch.keys import next_of_key
from swarm.dispatch.lists import INFLIGHT_SECONDS, pop, settle
from swarm.dispatch.reactions import (
    extend_inflight,
    left_running,
    open_house,
    queue_ready,
    release_dependents,
)
from swarm.dispatch.reopening import reopen
from swarm.dispatch.stock import queue_due, restock

__all__ = [
    "INFLIGHT_SECONDS",
    "call_agent",
    "call_freed",
    "call_holder",
    "call_house",
    "call_tenant",
    "call_tenants_now",
    "deal",
    "everybody_of",
    "extend_inflight",
    "left_running",
    "next_of_key",
    "open_house",
    "pop",
    "queue_due",
    "queue_ready",
    "release_dependents",
    "reopen",
    "restock",
    "settle",
    "slots_of",
]
