"""The lists of tasks by tenant, priority and role, and the inflight set of ids that were popped, with deadlines.

An entry of a list is `{id} {type}`, so that who works on some types only finds them in the same order as everybody.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.kernel import clock, redis, tenancy
from swarm.models import Task
from swarm.models.task import BANDS
from swarm.states import TaskStatus

INFLIGHT_SECONDS = 5  # from pop to claim is one transaction; what nobody claimed by then is pushed again
LOOKED_AT_MAX = 1_000  # entries of a list that a pop of some types looks at, where the list is of others
ID_LENGTH = 36

# Pops up to ARGV[1] ids from the lists KEYS[2..] in order, and remembers them in KEYS[1] until ARGV[2].
_POP = """
local got = {}
for i = 2, #KEYS do
  while #got < tonumber(ARGV[1]) do
    local entry = redis.call('LPOP', KEYS[i])
    if not entry then break end
    got[#got + 1] = string.sub(entry, 1, 36)
    redis.call('ZADD', KEYS[1], ARGV[2], got[#got])
  end
end
return got
"""
# The same of the types ARGV[4..] alone, among the first ARGV[3] entries of each list; false when it found too few, and did
# not see all.
_POP_OF_TYPES = """
local got, wanted, unseen = {}, {}, false
local most, look_max = tonumber(ARGV[1]), tonumber(ARGV[3])
for i = 4, #ARGV do wanted[ARGV[i]] = true end
for i = 2, #KEYS do
  local at, looked, look = 0, 0, most
  while #got < most do
    local entries = redis.call('LRANGE', KEYS[i], at, at + look - 1)
    if #entries == 0 then break end
    if looked >= look_max then unseen = true; break end
    looked, at = looked + #entries, at + #entries
    for _, entry in ipairs(entries) do
      if #got < most and wanted[string.sub(entry, 38)] then
        redis.call('LREM', KEYS[i], 1, entry)
        at = at - 1
        got[#got + 1] = string.sub(entry, 1, 36)
        redis.call('ZADD', KEYS[1], ARGV[2], got[#got])
      end
    end
    look = math.min(look * 4, look_max)
  end
end
if unseen and #got == 0 then return false end
return got
"""
Bands = tuple[str, ...]
_BAND = {priority: band for band, (lowest, highest) in BANDS.items() for priority in range(lowest, highest + 1)}


@dataclass(frozen=True, slots=True)
class Queued:
    """A QUEUED task, as far as the lists want to know it."""

    id: UUID
    tenant_id: UUID
    role: str
    priority: int
    type: str
    demands: bool = False  # capabilities: no list knows them, and it is claimed through PostgreSQL

    @property
    def key(self) -> str:
        return redis.queue(_BAND[self.priority], self.tenant_id, self.role)

    @property
    def entry(self) -> str:
        return entry(self.id, self.type)


def entry(task_id: UUID, task_type: str) -> str:
    return f"{task_id} {task_type}"


def id_of(listed: str) -> str:
    return listed[:ID_LENGTH]


def best_first(task: Queued) -> tuple[int, UUID]:
    return -task.priority, task.id


class Turns:
    """Which priorities a look begins with: of eight looks at the lists of one role two begin with the normal ones and one
    with the low ones, so that no flood starves what is less urgent."""

    _OTHERS: Mapping[int, Bands] = {
        3: ("normal", "high", "low"),
        6: ("normal", "high", "low"),
        0: ("low", "normal", "high"),
    }
    EVERY = 8
    HOUSES_MAX = 10_000  # remembered

    def __init__(self) -> None:
        self._taken: dict[tuple[UUID, str], int] = {}

    def next(self, tenant_id: UUID, role: str) -> Bands:
        if len(self._taken) > self.HOUSES_MAX:
            self._taken.clear()
        number = self._taken[tenant_id, role] = (self._taken.get((tenant_id, role), 0) + 1) % self.EVERY
        return self._OTHERS.get(number, redis.PRIORITIES)


turns = Turns()


def pop(*, tenant_id: UUID, role: str, most: int, types: Sequence[str] = ()) -> list[UUID] | None:
    """Ids to try, best first, of some types or of all. None when Redis cannot tell: it is away, or too much else stands in
    front of these types; PostgreSQL is to be asked then."""
    keys = [redis.inflight(tenant_id), *(redis.queue(band, tenant_id, role) for band in turns.next(tenant_id, role))]
    said = [str(most), str(clock.now().timestamp() + INFLIGHT_SECONDS)]
    try:
        with redis.hint() as client:
            found: Any
            if types:
                found = client.eval(_POP_OF_TYPES, len(keys), *keys, *said, str(LOOKED_AT_MAX), *types)
            else:
                found = client.eval(_POP, len(keys), *keys, *said)
    except redis.Away:
        return None
    return None if found is None else [UUID(value) for value in found]


def settle(tenant_id: UUID, *, popped: Collection[UUID], early: Sequence[UUID], claimed: Sequence[Task]) -> None:
    """After a claim: what became of the ids that were popped for it, and of tasks that it found without them.

    `early` may be claimed later, and go back to the front of their lists.
    """
    put_back(tenant_id, early)
    acknowledge(tenant_id, set(popped) - {task.pk for task in claimed})
    if unpopped := [task for task in claimed if task.pk not in popped]:
        taken(tenant_id, unpopped)


def put_back(tenant_id: UUID, task_ids: Sequence[UUID]) -> None:
    """Ids to the front of their lists, in this order."""
    if not task_ids:
        return
    with tenancy.bound(tenant_id):
        queued = Task.objects.filter(pk__in=task_ids, status=TaskStatus.QUEUED, requires=[])
        rows = {task.pk: task for task in queued.only("id", "tenant_id", "priority", "role", "type")}
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for task in (rows[i] for i in reversed(task_ids) if i in rows):
                pipe.lpush(redis.queue(task.priority_band, task.tenant_id, task.role), entry(task.pk, task.type))
            pipe.execute()
    except redis.Away:
        return


def acknowledge(tenant_id: UUID, task_ids: Iterable[UUID]) -> None:
    """These ids need no second look."""
    members = [str(i) for i in task_ids]
    if not members:
        return
    try:
        with redis.hint() as client:
            client.zrem(redis.inflight(tenant_id), *members)
    except redis.Away:
        return


def taken(tenant_id: UUID, tasks: Iterable[Task]) -> None:
    """These were claimed through PostgreSQL: take their ids out of the lists, which else would grow."""
    try:
        with redis.hint() as client:
            pipe = client.pipeline(transaction=False)
            for task in tasks:
                pipe.lrem(redis.queue(task.priority_band, tenant_id, task.role), 1, entry(task.pk, task.type))
            pipe.execute()
    except redis.Away:
        return


def push(tasks: Iterable[Queued], pipe: Any) -> None:
    """Their ids into the lists, in the order given, and a word to those who wait for work of their role."""
    lists: dict[str, list[str]] = defaultdict(list)
    heard: Counter[tuple[UUID, str]] = Counter()
    for task in tasks:
        heard[(task.tenant_id, task.role)] += 1
        if not task.demands:
            lists[task.key].append(task.entry)
    for key, members in lists.items():
        pipe.rpush(key, *members)
    for (tenant_id, role), number in heard.items():
        announce(tenant_id, role, pipe, number)


def to_the_front(tasks: Sequence[Queued], pipe: Any) -> None:
    """What had been taken from the lists before, in the order given, wherever it stands by now; tells nobody."""
    for task in reversed(tasks):
        pipe.lrem(task.key, 0, task.entry)
        pipe.lpush(task.key, task.entry)


def announce(tenant_id: UUID, role: str, pipe: Any, number: int | None = None) -> None:
    """A word to those who wait for work, with how much there is where that is known (kernel.http.waiting)."""
    pipe.publish(redis.DISPATCH_CHANNEL, f"{tenant_id}:{role}" + (f":{number}" if number else ""))
