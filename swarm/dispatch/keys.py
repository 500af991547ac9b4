"""Tasks with a concurrency key: when one ends, the next of its key may be taken.

A claim that finds a key full leaves the id out of the lists; here it comes back. What is missed comes by `restock`.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chimera.kernel.eventlog import Recorded
from chimera.kernel.relay import direct
from swarm.dispatch import queueing
from swarm.dispatch.lists import Queued, push


def next_of_key(events: Sequence[Recorded], pipe: Any) -> None:
    """For each task of a key that ended, one that waits: the best first. One statement for all keys of all tenants."""
    freed: Counter[tuple[UUID, str]] = Counter()
    for event in events:
        if key := event.payload.get("concurrency_key"):
            freed[(event.tenant_id, key)] += 1
    if not freed:
        return
    asked = {
        "tenants": [tenant_id for tenant_id, _ in freed],
        "keys": [key for _, key in freed],
        "numbers": list(freed.values()),
    }
    push([Queued(*row) for row in direct.ask(_NEXT, queueing.rule() | asked)], pipe)


_NEXT = f"""
    SELECT next.id, next.tenant_id, next.role, next.priority, next.type, next.demands
    FROM unnest(%(tenants)s::uuid[], %(keys)s::text[], %(numbers)s::int[]) AS freed(tenant, key, number)
    CROSS JOIN LATERAL (
        SELECT t.id, t.tenant_id, t.role, t.priority, t.type, cardinality(t.requires) > 0 AS demands
        FROM swarm_task t {queueing.OPEN_HOUSE}
        WHERE t.tenant_id = freed.tenant AND t.concurrency_key = freed.key AND t.concurrency_key <> ''
          AND t.status = 'queued' AND {queueing.IN_OPEN_HOUSE}
        ORDER BY t.priority DESC, t.id LIMIT freed.number
    ) next
"""
