"""Fairness between sessions: in a long list they take turns, so that a flood of one does not keep the others waiting.

The order is a hint like the lists themselves. A turn of each session goes to its best priority, then to its oldest task.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any
from uuid import UUID

from chimera.kernel import redis, tenancy
from chimera.kernel.identity import AGENT_ROLES
from swarm.dispatch import queueing
from swarm.dispatch.lists import id_of
from swarm.models import Task
from swarm.states import TaskStatus

DEAL_FROM = 32  # ids; a shorter list is drained before anybody could call it unfair
HEAD_MAX = 4_000  # ids looked at from the front, and
TAIL_MAX = 1_000  # from the back, where new ones come

# Puts ids ARGV[3..] to the front of list KEYS[1] in this order, those of them that still stand among its first ARGV[1]
# and its last ARGV[2]; nothing is added, and what lies between is not looked at, however long the list is.
_REORDER = """
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)
local behind = math.min(tonumber(ARGV[2]), length - #head)
local tail = behind > 0 and redis.call('LRANGE', KEYS[1], -behind, -1) or {}
local standing, seen, front, back = {}, {}, {}, {}
for _, id in ipairs(head) do standing[id] = true end
for _, id in ipairs(tail) do standing[id] = true end
for i = 3, #ARGV do
  local id = ARGV[i]
  if standing[id] and not seen[id] then seen[id] = true; front[#front + 1] = id end
end
for _, id in ipairs(head) do
  if not seen[id] then seen[id] = true; front[#front + 1] = id end
end
for _, id in ipairs(tail) do
  if not seen[id] then seen[id] = true; back[#back + 1] = id end
end
redis.call('LTRIM', KEYS[1], #head, length - #tail - 1)
for i = #front, 1, -1 do redis.call('LPUSH', KEYS[1], front[i]) end
for i = 1, #back do redis.call('RPUSH', KEYS[1], back[i]) end
return #front + #back
"""
_last: dict[str, str] = {}  # by list: the id at its end when it was dealt last; nothing new came since it is the same


def deal() -> None:
    """The clock's step: every list that is long, has grown, and holds several sessions."""
    tenants = queueing.tenants_with(TaskStatus.QUEUED)
    keys = [
        (t, redis.queue(band, t, role)) for t in tenants for role in sorted(AGENT_ROLES) for band in redis.PRIORITIES
    ]
    with redis.hint() as client:
        pipe = client.pipeline(transaction=False)
        for _, key in keys:
            pipe.llen(key)
            pipe.lindex(key, -1)
        found: list[Any] = pipe.execute()
        for (tenant_id, key), length, last in zip(keys, found[::2], found[1::2], strict=True):
            if length >= DEAL_FROM and _last.get(key) != last:
                _last[key] = _deal(client, tenant_id, key) or last
            elif length < DEAL_FROM:
                _last.pop(key, None)


def _deal(client: redis.Client, tenant_id: UUID, key: str) -> str:
    """Answers the id at the end of the list afterwards."""
    head: Any = client.lrange(key, 0, HEAD_MAX - 1)
    tail: Any = client.lrange(key, -TAIL_MAX, -1) if len(head) == HEAD_MAX else []
    looked_at = list(dict.fromkeys([*head, *tail]))
    dealt = _in_turns(tenant_id, looked_at)
    if dealt != looked_at:
        client.eval(_REORDER, 1, key, str(len(head)), str(len(tail)), *dealt)
    end: Any = client.lindex(key, -1)
    return str(end or "")


def _in_turns(tenant_id: UUID, entries: Sequence[str]) -> list[str]:
    """Those that are queued still, and their sessions in turns; what is not queued any more comes last."""
    listed = {id_of(entry): entry for entry in entries}
    with tenancy.bound(tenant_id):
        rows = Task.objects.filter(pk__in=list(listed), status=TaskStatus.QUEUED).order_by("-priority", "pk")
        found = list(rows.values_list("pk", "session_id"))
    by_session: dict[UUID, list[str]] = defaultdict(list)
    for task_id, session_id in found:
        by_session[session_id].append(listed[str(task_id)])
    if len(by_session) < 2:
        return list(entries)
    turns = [entry for entry in chain.from_iterable(zip_longest(*by_session.values())) if entry]
    queued = set(turns)
    return turns + [entry for entry in entries if entry not in queued]
