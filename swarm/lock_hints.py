"""What Redis says about locks: a key per held resource that ends with the lock. People read it; nobody is refused by it alone.

A key that is missing, old or made up costs at most one look at PostgreSQL, which decides (swarm/actions/locks.py).
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from chimera.kernel import clock, redis
from chimera.kernel.eventlog import Recorded
from swarm.models import ResourceLock

# Both compare numbers, so that a slow process neither overwrites nor removes what a later holder has shown. Whatever
# else stands there is no hint, and gives way.
_NUMBER = """
local was = redis.pcall('GET', KEYS[1])
local ok, said = pcall(cjson.decode, was)
local number = ok and type(said) == 'table' and tonumber(said.fencing_number) or 0
"""
_SHOW = f"{_NUMBER} if number <= tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end"
_FORGET = f"{_NUMBER} if number <= tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end"


def is_shown(tenant_id: UUID, resource: str) -> bool:
    """Whether somebody seems to hold it; False while Redis is away."""
    try:
        with redis.hint() as client:
            return bool(client.exists(redis.resource_lock(tenant_id, resource)))
    except redis.Away:
        return False


def show(lock: ResourceLock) -> None:
    """After the commit that took or renewed it. Lost while Redis is away."""
    left = lock.expires_at - clock.now()
    if left < timedelta(milliseconds=1):
        return
    said = {
        "fencing_number": lock.fencing_number,
        "holder": lock.holder,
        "holder_name": lock.holder_name,
        "expires_at": lock.expires_at.isoformat(),
    }
    try:
        with redis.hint() as client:
            key = redis.resource_lock(lock.tenant_id, lock.resource)
            milliseconds = left // timedelta(milliseconds=1)
            client.eval(_SHOW, 1, key, str(lock.fencing_number), json.dumps(said), str(milliseconds))
    except redis.Away:
        return


def forget(lock: ResourceLock) -> None:
    """After the commit that released it. While Redis is away the key stays, until it ends by itself."""
    try:
        with redis.hint() as client:
            client.eval(_FORGET, 1, redis.resource_lock(lock.tenant_id, lock.resource), str(lock.fencing_number))
    except redis.Away:
        return


def forget_revoked(events: Sequence[Recorded], pipe: Any) -> None:
    """What a person took away is shown no longer."""
    for event in events:
        key = redis.resource_lock(event.tenant_id, event.payload["resource"])
        pipe.eval(_FORGET, 1, key, str(event.payload["fencing_number"]))
