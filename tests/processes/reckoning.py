"""What must hold when the work is done, whoever was killed meanwhile."""

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from chimera.kernel import eventlog, redis, tenancy
from chimera.kernel.eventlog import START, Position
from chimera.kernel.relay.tables import Lane
from commerce.models import SpendWindow, Transaction
from swarm.dispatch.lists import id_of
from swarm.models import Task, TaskResult
from tests.cast import Stage
from tests.processes.harness import until

PAGE = 100
MIRROR_SECONDS = 5  # it follows the log once a second


def log_of(session_id: str) -> list[eventlog.Recorded]:
    """The session's facts as the table holds them."""
    with tenancy.system():
        return eventlog.read(START, limit=1_000_000, session_id=UUID(session_id))


def every_task_ended_once(acme: Stage, number: int) -> None:
    with acme.bound():
        assert Counter(Task.objects.values_list("status", flat=True)) == {"completed": number}
        applied = Counter(TaskResult.objects.filter(applied=True).values_list("task_id", flat=True))
    assert len(applied) == number
    assert set(applied.values()) == {1}


def every_task_is_told_in_order(log: list[eventlog.Recorded], number: int) -> None:
    told: dict[Any, list[tuple[int, str]]] = defaultdict(list)
    for event in log:
        if event.type.startswith("swarm.task.") and "progressed" not in event.type:
            told[event.task_id].append((event.payload["aggregate_version"], event.type.split(".")[2]))
    assert len(told) == number
    for task_id, facts in told.items():
        kinds = Counter(kind for _, kind in facts)
        assert (kinds["created"], kinds["completed"]) == (1, 1), (task_id, facts)
        assert kinds["claimed"] == kinds["requeued"] + 1, (task_id, facts)
        versions = [version for version, _ in facts]
        assert versions == list(range(1, len(facts) + 1)), (task_id, facts)


def money_adds_up(acme: Stage, *, purchases: int, price: Decimal) -> None:
    """Nothing is held, and what was captured is what was bought, in windows, ledger and mirror alike."""
    with acme.bound():
        ledger = Transaction.objects.values("status").annotate(total=Sum("captured_usd"))
        captured = {row["status"]: row["total"] for row in ledger}
        assert captured["captured"] == purchases * price
        assert set(captured) <= {"captured", "voided"}
        windows = list(SpendWindow.objects.all())
        assert {(w.held_usd, w.captured_usd) for w in windows} == {(Decimal(0), purchases * price)}
    until(lambda: mirror_of(acme) == int(purchases * price * 1_000_000), MIRROR_SECONDS)


def money_is_mirrored(acme: Stage) -> bool:
    """Held and captured together, windows and mirror alike."""
    with acme.bound():
        day = SpendWindow.objects.get(kind="day")
    return mirror_of(acme) == int((day.held_usd + day.captured_usd) * 1_000_000) > 0


def mirror_of(acme: Stage) -> int:
    """Micro-dollars of today, as Redis has them."""
    with acme.bound():
        day = SpendWindow.objects.values_list("starts_on", flat=True).get(kind="day")
    assert day is not None
    return int(str(redis.client().get(redis.spend(acme.tenant_id, day)) or 0))


def queues_are_full(acme: Stage) -> bool:
    """Every queued task has its id in a list, and no other has."""
    with acme.bound():
        queued = {str(task_id) for task_id in Task.objects.filter(status="queued").values_list("pk", flat=True)}
    return bool(queued) and ids_in_queues() == queued


def ids_in_queues() -> set[str]:
    client = redis.client()
    lists: list[list[str]] = [client.lrange(key, 0, -1) for key in client.scan_iter("chimera:queue:*")]  # type: ignore[misc]
    return {id_of(entry) for entries in lists for entry in entries}


def pages_are_the_log(house: Any, secret: str, session_id: str, log: list[eventlog.Recorded]) -> None:
    shown, after = [], str(START)
    while True:
        page = house.get(f"/api/v1/sessions/{session_id}/events?after={after}&limit={PAGE}", secret)
        shown += page["results"]
        after = page["next"]
        if page["live"]:
            break
    assert shown == [event.shape() for event in log]


def stream_is_the_log(session_id: str, log: list[eventlog.Recorded], *, forgotten: bool = False) -> None:
    """Entry by entry the log, each naming the one before; `forgotten`: Redis was lost, so only the log's end is there.

    A gap in the chain would be a reader's sign to reread PostgreSQL; here there may be one only where Redis was lost.
    """
    entries: list[Any] = redis.client().xrange(redis.stream(UUID(session_id)))  # type: ignore[assignment]
    positions = [str(event.position) for event in log]
    there = [position for position, _ in entries]
    assert there == (positions[-len(there) :] if forgotten else positions)
    before = [str(START), *positions]
    assert [fields["prev"] for _, fields in entries] == before[-len(there) - 1 : -1]


def lanes_are_idle() -> bool:
    """Every lane has read to the end, and nothing is parked."""
    with tenancy.system():
        end = eventlog.last_settled()
        behind = [lane.name for lane in Lane.objects.all() if Position(lane.xid, lane.seq) < end]
        with connection.cursor() as cursor:
            cursor.execute("SELECT lane, type, error FROM kernel_parkedevent")
            parked = cursor.fetchall()
    assert not parked, parked
    return not behind


def nothing_waits_in_redis(acme: Stage) -> bool:
    return not ids_in_queues() and not redis.client().zcard(redis.inflight(acme.tenant_id))
