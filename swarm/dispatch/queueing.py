"""PENDING → QUEUED, for the tasks of any tenants in one statement, which also tells it.

The statements are the relay's own: as chimera_system, each a transaction of its own and planned once.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.kernel import clock, ids, partitions
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import TOLD
from chimera.kernel.http.trace import current_trace
from chimera.kernel.relay import direct
from swarm.dispatch.lists import Queued
from swarm.events import TaskQueued
from swarm.events.in_sql import payload
from swarm.queries import CLAIMABLE_CAMPAIGNS, CLAIMABLE_SESSIONS, HANDS_OUT_OF_TENANT
from swarm.states import TASK_WAITING, TaskStatus

LOOK_MAX = 5_000  # PENDING tasks of one tenant that one step of the clock looks at; it comes round to all of them
TIMED_WITHIN = timedelta(minutes=1)  # whose time came longer ago is found when its turn comes round


def make_queued(task_ids: Iterable[UUID], *, again: Collection[UUID] = ()) -> list[Queued]:
    """Compare-and-set the ready ones to QUEUED; answers those of them that are QUEUED now, in an open house, by id.

    Some may have been QUEUED before: a batch that is repeated pushes what it may not have pushed. What the clock of this
    process has queued and pushed is none of them, unless it went back to the queue `again`.
    """
    asked = set(task_ids)
    found = queue(asked)
    left = [one for one in _without(sorted(asked), found) if one in again or one not in _in_hand]
    if left:
        found += [Queued(*row) for row in direct.ask(_QUEUED, rule() | _those(left))]
    return sorted(found, key=lambda task: task.id)


def queue(task_ids: Iterable[UUID]) -> list[Queued]:
    """The same, but answers only those that it has queued itself."""
    asked = sorted(set(task_ids))
    found = _advance(_QUEUE_FREE, asked)
    # What waits for nothing is the rule, and those that do cost a look at every month.
    return found + _advance(_QUEUE_BOUND, _without(asked, found))


@contextmanager
def in_hand(task_ids: Sequence[UUID]) -> Iterator[list[Queued]]:
    """Those of them that it has queued itself, by id: whoever asks pushes them in here, and no lane of this process does."""
    _in_hand.update(dict.fromkeys(task_ids))
    kept: set[UUID] = set()
    try:
        made = sorted(queue(task_ids), key=lambda task: task.id)
        yield made
        kept = {task.id for task in made}
    finally:
        for task_id in kept.symmetric_difference(task_ids):
            _in_hand.pop(task_id, None)
    while len(_in_hand) > LOOK_MAX:
        del _in_hand[next(iter(_in_hand))]


_in_hand: dict[UUID, None] = {}  # by the clock of this process, now or not long ago


def _advance(sql: str, asked: Sequence[UUID]) -> list[Queued]:
    if not asked:
        return []
    told = {"type": TaskQueued.full_type(), "actor": str(SYSTEM), "trace": current_trace()}
    facts = {"facts": [ids.uuid7() for _ in asked]}
    return [Queued(*row) for row in direct.ask(sql, rule() | _those(asked) | told | facts)]


def _without(asked: Sequence[UUID], found: Sequence[Queued]) -> list[UUID]:
    known = {task.id for task in found}
    return [task_id for task_id in asked if task_id not in known]


def _those(task_ids: Sequence[UUID]) -> dict[str, Any]:
    """`first` and `last` keep a plan to the months in which the tasks lie."""
    return {"ids": list(task_ids), "first": min(task_ids), "last": max(task_ids)}


def waiting_for(completed: Sequence[UUID]) -> list[UUID]:
    """One slice of the tasks that are ready now and depend on one of these; mostly there are none."""
    waiting = [row[0] for row in direct.ask(_WAITING, {"completed": list(completed)})]
    if not waiting:
        return []
    asked = rule() | _those(waiting) | {"most": settings.RELAY_BATCH}
    return [row[0] for row in direct.ask(_RELEASED, asked)]


def due(tenant_id: UUID, *, after: UUID) -> tuple[list[UUID], UUID | None]:
    """Of a tenant's next LOOK_MAX PENDING tasks those that are ready, and the last of them if there may be more."""
    rows = direct.ask(_DUE, rule() | {"tenant": tenant_id, "after": after, "look": LOOK_MAX})
    return [row[0] for row in rows if row[1]], next((row[0] for row in rows if not row[1]), None)


def timed(tenant_id: UUID) -> list[UUID]:
    """One slice of a tenant's tasks whose time has come just now."""
    lately = {"since": clock.now() - TIMED_WITHIN, "most": settings.RELAY_BATCH}
    return [row[0] for row in direct.ask(_TIMED, rule() | {"tenant": tenant_id} | lately)]


def tenants_with(status: TaskStatus) -> list[UUID]:
    """Of PENDING or QUEUED tasks. One look into an index per tenant, however many there are."""
    return [row[0] for row in direct.ask(_TENANTS[status], {"upper": partitions.beyond()})]


def rule() -> dict[str, Any]:
    return {
        "now": clock.now(),
        "sessions": [str(status) for status in CLAIMABLE_SESSIONS],
        "campaigns": [str(status) for status in CLAIMABLE_CAMPAIGNS],
    }


OPEN_HOUSE = """
    JOIN swarm_swarmsession s ON s.id = t.session_id AND s.status = ANY(%(sessions)s::text[])
    LEFT JOIN swarm_campaign c ON c.id = s.campaign_id
"""
IN_OPEN_HOUSE = f"(c.id IS NULL OR c.status = ANY(%(campaigns)s::text[])) AND {HANDS_OUT_OF_TENANT}"

_IN_TIME = "t.status = 'pending' AND (t.not_before IS NULL OR t.not_before <= %(now)s)"
_DUE_HERE = f"{_IN_TIME} AND {IN_OPEN_HOUSE}"
_FREE = f"{_DUE_HERE} AND NOT EXISTS (SELECT 1 FROM swarm_taskdependency d WHERE d.task_id = t.id)"
# Of what a task waits for, the few oldest are looked at, and then the youngest first, until one is open: in whatever order they
# complete, mostly one at either end is, and one is enough. So a look at a join costs no more for ten thousand than for ten.
_MET = """
    NOT EXISTS (
        SELECT 1 FROM (
            SELECT depends_on_id FROM swarm_taskdependency WHERE task_id = t.id ORDER BY task_id, depends_on_id LIMIT 8
        ) oldest JOIN swarm_task p ON p.id = oldest.depends_on_id WHERE p.status <> 'completed'
    ) AND (
        SELECT true FROM swarm_taskdependency d JOIN swarm_task p ON p.id = d.depends_on_id
        WHERE d.task_id = t.id AND p.status <> 'completed' ORDER BY d.task_id DESC, d.depends_on_id DESC LIMIT 1
    ) IS NULL
"""
_READY = f"{_DUE_HERE} AND {_MET}"
_THOSE = "t.id = ANY(%(ids)s::uuid[]) AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid"
_SHOWN = "t.id, t.tenant_id, t.role, t.priority, t.type, cardinality(t.requires) > 0"

_QUEUE = f"""
    WITH ready AS MATERIALIZED (
        SELECT t.id FROM swarm_task t {OPEN_HOUSE} WHERE {_THOSE} AND {{rule}}
        ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED
    ), made AS (
        UPDATE swarm_task t SET status = 'queued', queued_at = %(now)s, version = t.version + 1
        FROM ready WHERE t.id = ready.id AND t.id BETWEEN %(first)s::uuid AND %(last)s::uuid AND t.status = 'pending'
        RETURNING t.*
    ), told AS (
        INSERT INTO kernel_event ({TOLD})
        SELECT f.fact, tenant_id, session_id, id, id, version, %(type)s,
               {payload(TaskQueued, "made")},
               %(actor)s, %(trace)s, %(now)s
        FROM made JOIN unnest(%(ids)s::uuid[], %(facts)s::uuid[]) AS f(task, fact) ON f.task = made.id ORDER BY id
    )
    SELECT {_SHOWN} FROM made t
"""
_QUEUE_FREE, _QUEUE_BOUND = _QUEUE.format(rule=_FREE), _QUEUE.format(rule=_READY)
_QUEUED = f"""
    SELECT {_SHOWN} FROM swarm_task t {OPEN_HOUSE} WHERE {_THOSE} AND t.status = 'queued' AND {IN_OPEN_HOUSE}
"""
_WAITING = "SELECT DISTINCT task_id FROM swarm_taskdependency WHERE depends_on_id = ANY(%(completed)s::uuid[])"
_RELEASED = f"""
    SELECT t.id FROM swarm_task t {OPEN_HOUSE}
    WHERE {_THOSE} AND {_READY} ORDER BY t.id LIMIT %(most)s::int
"""
# The last of those that were looked at says where to go on; there is none when all have been.
_DUE = f"""
    WITH looked AS MATERIALIZED (
        SELECT t.id, t.status, t.not_before, s.status = ANY(%(sessions)s::text[]) AND {IN_OPEN_HOUSE} AS is_in_open_house
        FROM swarm_task t JOIN swarm_swarmsession s ON s.id = t.session_id LEFT JOIN swarm_campaign c ON c.id = s.campaign_id
        WHERE t.tenant_id = %(tenant)s::uuid AND t.status = 'pending' AND t.id > %(after)s::uuid
        ORDER BY t.id LIMIT %(look)s::int
    )
    SELECT t.id, true FROM looked t WHERE is_in_open_house AND {_IN_TIME} AND {_MET}
    UNION ALL SELECT last.id, false FROM (SELECT id FROM looked OFFSET %(look)s::int - 1) last
"""
_TIMED = f"""
    SELECT t.id FROM swarm_task t {OPEN_HOUSE}
    WHERE t.tenant_id = %(tenant)s::uuid AND t.not_before > %(since)s AND t.not_before <= %(now)s AND {_READY}
    ORDER BY t.not_before LIMIT %(most)s::int
"""
# The status is part of the statement, so that a plan may use the indexes that are of this status alone. LIMIT keeps it to one
# look for each tenant: a plan that merges reads all that waits of one tenant to come to the next.
_TENANTS = {
    status: f"""
        SELECT n.id FROM swarm_tenant n CROSS JOIN LATERAL (
            SELECT FROM swarm_task t WHERE t.tenant_id = n.id AND t.status = '{status}' AND t.id < %(upper)s::uuid LIMIT 1
        ) found ORDER BY n.id
    """
    for status in TASK_WAITING
}
