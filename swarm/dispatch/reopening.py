"""A tenant goes on after a stop or a pause: its lists are as they were, with what was taken from agents at the front again.

Nobody took from the lists meanwhile, nor were any filled up, so what stands in them stands in its order. What is QUEUED and in none
had been taken before, for a lease that was revoked or for a claim that came too late; it goes before all others, the best first.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chimera.kernel import redis
from chimera.kernel.eventlog import Recorded
from chimera.kernel.identity import AGENT_ROLES
from chimera.kernel.relay import direct
from swarm.dispatch import lists, stock
from swarm.dispatch.calling import EVERYBODY
from swarm.dispatch.lists import Queued
from swarm.states import STOPPED_CODE


def reopen(events: Sequence[Recorded], pipe: Any) -> None:
    """For tenants on whom another stop still acts there is nothing to hand out, and this does nothing."""
    client = redis.client()
    for tenant_id in dict.fromkeys(event.tenant_id for event in events):
        for role in sorted(AGENT_ROLES):
            for band in redis.PRIORITIES:
                lists.to_the_front(_taken_before(client, tenant_id, role, band), pipe)
            lists.announce(tenant_id, role, pipe)
        lists.announce(tenant_id, EVERYBODY, pipe)


def _taken_before(client: redis.Client, tenant_id: UUID, role: str, band: str) -> list[Queued]:
    best = stock.best_of_list(tenant_id, role, band, most=stock.STOCK_MAX)
    missing = {task.id for task in stock.unlisted(client, tenant_id, best)}
    # Some may stand at the end already, where the clock puts what it finds in no list.
    revoked = {row[0] for row in direct.ask(_REVOKED, {"ids": [task.id for task in best]})} if best else set()
    return [task for task in best if task.id in missing | revoked]


_REVOKED = f"""
    SELECT id FROM swarm_task WHERE id = ANY(%(ids)s::uuid[]) AND status = 'queued' AND error ->> 'code' = '{STOPPED_CODE}'
"""
