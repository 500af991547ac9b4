"""The figures of today, for whoever opens the console. Reads only; each figure is one or two queries."""

from dataclasses import dataclass
from decimal import Decimal

from chimera.flows.read_usage import tenant_time_zone
from chimera.flows.show_usage import Usage, show_usage
from chimera.kernel import clock, redis, tenancy
from chimera.kernel.relay.tables import ParkedEvent, ParkedStatus
from commerce.accumulator import MICRO
from commerce.models import BudgetConfig, Transaction
from safety.models import ReviewCard
from swarm import liveness
from swarm.models import AgentProfile, SwarmSession, Task
from swarm.states import TASK_WAITING, AgentStatus, SessionStatus, TaskStatus

COUNTED_MAX = 1_000  # a figure says "1000+" beyond; counting on would read the whole table
SHOWN_MAX = 6  # rows of a short list
AGENTS_MAX = 500  # asked for signs of life in one MGET


@dataclass(frozen=True, slots=True)
class Cards:
    waiting: int
    overdue: int
    next: list[ReviewCard]


@dataclass(frozen=True, slots=True)
class Work:
    sessions: list[SwarmSession]
    running_sessions: int
    running: int
    queued: int
    blocked: int
    failed: int
    failures: list[Task]


@dataclass(frozen=True, slots=True)
class Money:
    spent_usd: Decimal
    usage: list[Usage]  # of the tenant's own budgets


def cards() -> Cards:
    waiting = ReviewCard.objects.waiting()
    late = waiting.overdue(clock.now())
    return Cards(_count(waiting), _count(late), list(waiting.select_related("session")[:SHOWN_MAX]))


def work() -> Work:
    open_sessions = SwarmSession.objects.filter(status=SessionStatus.RUNNING)
    failed = Task.objects.filter(status=TaskStatus.FAILED)
    return Work(
        sessions=list(open_sessions.select_related("campaign").order_by("-pk")[:SHOWN_MAX]),
        running_sessions=_count(open_sessions),
        running=_count(Task.objects.filter(status=TaskStatus.RUNNING)),
        queued=sum(_count(Task.objects.filter(status=waits)) for waits in TASK_WAITING),
        blocked=_count(Task.objects.filter(status=TaskStatus.BLOCKED)),
        failed=_count(failed),
        failures=list(failed.select_related("session").defer("input_payload", "metadata").order_by("-pk")[:SHOWN_MAX]),
    )


def money() -> Money:
    budgets = BudgetConfig.objects.filter(scope="tenant").order_by("pk")[:SHOWN_MAX]
    return Money(spent_today(), show_usage(list(budgets)))


def spent_today() -> Decimal:
    """Held, in review and captured in the tenant's own day: the mirror in Redis, else the ledger."""
    zone = tenant_time_zone()
    day = clock.day_in(zone)
    try:
        with redis.hint() as client:
            mirrored = client.get(redis.spend(tenancy.current(), day))
    except redis.Away:
        mirrored = None
    if mirrored is not None:
        return Decimal(str(mirrored)) / MICRO
    return Decimal(Transaction.objects.created_between(*clock.day_bounds(zone, day)).spent())


def agents() -> tuple[int, int]:
    """(alive, registered and not suspended)."""
    known = list(AgentProfile.objects.exclude(status=AgentStatus.SUSPENDED).values_list("pk", flat=True)[:AGENTS_MAX])
    heard = liveness.heard_of(known)
    return sum(1 for at in heard.values() if at), len(known)


def parked() -> int:
    return _count(ParkedEvent.objects.exclude(status=ParkedStatus.RESOLVED))


def _count(rows: object) -> int:
    """At most one more than COUNTED_MAX."""
    return int(rows.order_by()[: COUNTED_MAX + 1].count())  # type: ignore[attr-defined]
