"""What can be asked about the swarm. Every QuerySet here is bound to the tenant by row-level security."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from chimera.kernel import prepared
from chimera.kernel.errors import not_found
from chimera.kernel.partitions import ByTime
from chimera.kernel.prepared import Asked, Row
from chimera.kernel.relay import direct
from swarm.states import (
    SESSION_OPEN,
    TASK_OPEN,
    TASK_WAITING,
    CampaignStatus,
    RunStatus,
    ScheduleStatus,
    SessionStatus,
    StopKind,
    TaskStatus,
)

CLAIMABLE_SESSIONS = (SessionStatus.CREATED, SessionStatus.RUNNING)
CLAIMABLE_CAMPAIGNS = (CampaignStatus.PLANNING, CampaignStatus.ACTIVE)


# Conditions that a statement asks itself when it runs, after the locks it needs: a stop that has committed by then acts on it.
# The first two see what their transaction sees, which is bound to a tenant: its own stop, and that of everything.
HANDS_OUT = "NOT EXISTS (SELECT FROM swarm_stop WHERE lifted_at IS NULL)"
ACCEPTS = f"NOT EXISTS (SELECT FROM swarm_stop WHERE lifted_at IS NULL AND kind = '{StopKind.STOP}')"
# The same as the first across tenants, of the one whose row is named `t`.
HANDS_OUT_OF_TENANT = """
    NOT EXISTS (SELECT FROM swarm_stop WHERE lifted_at IS NULL AND tenant_id IS NULL)
    AND t.tenant_id <> ALL (ARRAY(SELECT tenant_id FROM swarm_stop WHERE lifted_at IS NULL AND tenant_id IS NOT NULL))
"""


class StopQuerySet(QuerySet[Any]):
    def acting(self) -> Self:
        """Not lifted; in a tenant's transaction its own and that of everything, what takes most away first."""
        return self.filter(lifted_at__isnull=True).order_by("-kind", "tenant_id")


class TaskQuerySet(ByTime):
    def get_or_refuse(self, task_id: UUID) -> Any:
        found = self.filter(pk=task_id).first()
        if found is None:
            raise not_found("task")
        return found

    def open(self) -> Self:
        return self.filter(status__in=TASK_OPEN)

    def in_open_house(self) -> Self:
        """Whose session, campaign if any, and tenant hand out work. Asked in a transaction that is bound to the tenant."""
        return (
            self.filter(session__status__in=CLAIMABLE_SESSIONS)
            .filter(Q(session__campaign__isnull=True) | Q(session__campaign__status__in=CLAIMABLE_CAMPAIGNS))
            .filter(~Exists(apps.get_model("swarm", "Stop").objects.filter(lifted_at__isnull=True)))
        )

    def with_house(self) -> Self:
        """Each with its session, campaign and agent, and what acts on it as `acting_stop` (`tasks.check_lease` goes by them)."""
        acting = apps.get_model("swarm", "Stop").objects.acting().values("kind")[:1]
        return self.select_related("session__campaign", "agent").annotate(acting_stop=Subquery(acting))

    def with_dependencies_met(self) -> Self:
        """No dependency that has not completed."""
        dependencies = apps.get_model("swarm", "TaskDependency")
        unmet = dependencies.objects.filter(task_id=OuterRef("pk")).exclude(depends_on__status=TaskStatus.COMPLETED)
        return self.filter(~Exists(unmet))

    def overdue(self, at: datetime) -> Self:
        """Waiting beyond their deadline."""
        return self.so_far().filter(status__in=TASK_WAITING, deadline_at__lte=at)

    def lapsed(self, at: datetime) -> Self:
        return self.so_far().filter(status=TaskStatus.RUNNING, lease_expires_at__lte=at)


class SessionQuerySet(QuerySet[Any]):
    def get_or_refuse(self, session_id: UUID) -> Any:
        found = self.filter(pk=session_id).first()
        if found is None:
            raise not_found("session")
        return found


class CampaignQuerySet(QuerySet[Any]):
    def get_or_refuse(self, campaign_id: UUID) -> Any:
        found = self.filter(pk=campaign_id).first()
        if found is None:
            raise not_found("campaign")
        return found


class AgentQuerySet(QuerySet[Any]):
    def get_or_refuse(self, agent_id: UUID) -> Any:
        found = self.filter(pk=agent_id).first()
        if found is None:
            raise not_found("agent")
        return found


class LockQuerySet(QuerySet[Any]):
    def held(self, at: datetime) -> Self:
        """Neither released nor lapsed."""
        return self.filter(released_at__isnull=True, expires_at__gt=at)


class ScheduleQuerySet(QuerySet[Any]):
    def get_or_refuse(self, schedule_id: UUID) -> Any:
        found = self.filter(pk=schedule_id).first()
        if found is None:
            raise not_found("schedule")
        return found

    def due(self, at: datetime) -> Self:
        return self.filter(status=ScheduleStatus.ACTIVE, next_run_at__lte=at)

    def with_free_way(self) -> Self:
        """Whose waiting run, where one waits, need not wait any longer: the task before it has ended, in an open house."""
        before = apps.get_model("swarm", "Task").objects.open().filter(pk=OuterRef("current_task_id"))
        return (
            self.filter(runs__status=RunStatus.WAITING, campaign__status__in=CLAIMABLE_CAMPAIGNS)
            .exclude(status=ScheduleStatus.PAUSED)
            .exclude(session__status=SessionStatus.PAUSED)
            .filter(~Exists(before))
        )


_AWAITED = """
    SELECT d.task_id, d.depends_on_id FROM unnest(%(ids)s::uuid[]) AS asked (id) CROSS JOIN LATERAL (
        SELECT id, task_id, depends_on_id FROM swarm_taskdependency WHERE task_id = asked.id ORDER BY id LIMIT %(most)s::int
    ) d ORDER BY d.id
"""
_AWAITED_COUNT = """
    SELECT task_id, count(*) FROM swarm_taskdependency WHERE task_id = ANY(%(ids)s::uuid[]) GROUP BY task_id
"""


def awaiting(task_ids: Sequence[UUID], *, most: int) -> Asked:
    """(task, what it waits for), the first `most` of each in the order in which they were named."""
    return _AWAITED, {"ids": list(task_ids), "most": most}


def awaited(task_ids: Sequence[UUID], *, most: int) -> tuple[dict[UUID, list[UUID]], dict[UUID, int]]:
    """What each task waits for, the first `most` of them in the order in which they were named; and for how many in all."""
    return counted(prepared.ask(*awaiting(task_ids, most=most)), most=most)


def counted(rows: Sequence[Row], *, most: int) -> tuple[dict[UUID, list[UUID]], dict[UUID, int]]:
    """The same from the rows of `awaiting`."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for task_id, awaited_id in rows:
        found[task_id].append(awaited_id)
    numbers = {task_id: len(theirs) for task_id, theirs in found.items()}
    if long := [task_id for task_id, number in numbers.items() if number == most]:
        numbers |= dict(prepared.ask(_AWAITED_COUNT, {"ids": long}))  # type: ignore[arg-type]
    return found, numbers


# OFFSET keeps the look at each dependency to its index, whatever the statistics say.
_UNMET = """
    SELECT asked.id, unmet.depends_on_id, unmet.status FROM unnest(%(tasks)s::uuid[]) AS asked (id) CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT d.id, d.depends_on_id, t.status FROM swarm_taskdependency d
            CROSS JOIN LATERAL (SELECT status FROM swarm_task WHERE id = d.depends_on_id OFFSET 0) t
            WHERE d.task_id = asked.id AND t.status <> %(met)s LIMIT %(look)s
        ) found ORDER BY found.status <> %(first)s, found.id LIMIT %(most)s
    ) unmet
"""
UNMET_LOOKED_AT_MAX = 1_000  # of one task; enough to find one that has failed, where a few have


def unmet(task_ids: Sequence[UUID], *, most: int) -> dict[UUID, list[tuple[UUID, TaskStatus]]]:
    """By task, up to `most` of its dependencies that have not completed, and how they stand: first those that have failed,
    on which it waits until somebody retries or drops them."""
    found: dict[UUID, list[tuple[UUID, TaskStatus]]] = defaultdict(list)
    if not task_ids:
        return found
    asked: dict[str, Any] = {"tasks": list(task_ids), "most": most, "look": UNMET_LOOKED_AT_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_UNMET, asked | {"met": TaskStatus.COMPLETED, "first": TaskStatus.FAILED})
        for task_id, awaited_id, status in cursor.fetchall():
            found[task_id].append((awaited_id, TaskStatus(status)))
    return found


# By index, whatever the statistics say: where one parent has all children, a plan would else read the whole table for each.
_BELOW = """
    WITH RECURSIVE below (id) AS (
        SELECT %(task)s::uuid
        UNION
        SELECT next.id FROM below CROSS JOIN LATERAL (
            SELECT id FROM swarm_task WHERE parent_task_id = below.id
            UNION ALL SELECT task_id FROM swarm_taskdependency WHERE depends_on_id = below.id
        ) next
    )
    SELECT t.id FROM below JOIN swarm_task t ON t.id = below.id
    WHERE t.id <> %(task)s::uuid AND t.id > %(after)s::uuid AND t.status = ANY(%(open)s::text[])
    ORDER BY t.id LIMIT %(most)s::int
"""


def open_descendants(task_id: UUID, *, after: UUID, limit: int) -> list[UUID]:
    """Ids beyond `after`, in order, of the open tasks below a task, at any depth, and of those that wait for it or them.

    Asked on the relay's own connection: no part of the caller's transaction, and not bound to its tenant.
    """
    asked = {"task": task_id, "after": after, "open": [str(status) for status in TASK_OPEN], "most": limit}
    return [row[0] for row in direct.ask(_BELOW, asked)]


# By the primary key from each to its parent, whatever the statistics say.
_ABOVE = """
    WITH RECURSIVE above (asked, id) AS (
        SELECT id, parent_task_id FROM swarm_task WHERE id = ANY(%(tasks)s::uuid[]) AND parent_task_id IS NOT NULL
        UNION
        SELECT above.asked, next.parent_task_id FROM above CROSS JOIN LATERAL (
            SELECT parent_task_id FROM swarm_task WHERE id = above.id AND parent_task_id IS NOT NULL OFFSET 0
        ) next
    )
    SELECT asked, id FROM above
"""


def above(task_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """By task, every task above it, in no order: parent, that one's parent, up to the root; nothing for a root."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for asked, task_id in prepared.ask(_ABOVE, {"tasks": list(task_ids)}) if task_ids else ():
        found[asked].append(task_id)
    return found


# By index, as `_BELOW`. What lies below an open task with a budget of its own is in that budget already.
_ALLOTTED = """
    WITH RECURSIVE below (id, allotted) AS (
        SELECT %(task)s::uuid, false
        UNION
        SELECT next.id, next.allotted FROM below CROSS JOIN LATERAL (
            SELECT id, budget_usd IS NOT NULL AND status = ANY(%(open)s::text[]) AS allotted
            FROM swarm_task WHERE parent_task_id = below.id AND id IS DISTINCT FROM %(without)s::uuid OFFSET 0
        ) next WHERE NOT below.allotted
    )
    SELECT id FROM below WHERE allotted AND NOT id = ANY(%(besides)s::uuid[]) LIMIT %(most)s::int
"""


def allotted_below(task_id: UUID, *, besides: Collection[UUID], without: UUID | None, most: int) -> list[UUID]:
    """The open tasks with a budget of their own that are nearest below a task, each on its branch; up to `most`.

    `besides` are not told, and `without` neither, nor what is below that one.
    """
    open_ = [str(status) for status in TASK_OPEN]
    asked: dict[str, Any] = {"task": task_id, "besides": list(besides), "without": without, "open": open_, "most": most}
    return [row[0] for row in prepared.ask(_ALLOTTED, asked)]


# Hops from one session to the next in the index `task_open`, however many tasks each has.
_AT_WORK = """
    WITH RECURSIVE at_work (id) AS (
        (SELECT session_id FROM swarm_task WHERE status IN {open} ORDER BY session_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT session_id FROM swarm_task WHERE status IN {open} AND session_id > at_work.id
            ORDER BY session_id LIMIT 1
        ) FROM at_work WHERE at_work.id IS NOT NULL
    )
    SELECT s.id FROM at_work JOIN swarm_swarmsession s ON s.id = at_work.id WHERE s.status NOT IN {going}
""".format(open=tuple(map(str, TASK_OPEN)), going=tuple(map(str, SESSION_OPEN)))


def ended_at_work() -> list[UUID]:
    """Sessions that have ended and still have open tasks. Costs a step per session with open tasks, and none per task."""
    with connection.cursor() as cursor:
        cursor.execute(_AT_WORK)
        return [row[0] for row in cursor.fetchall()]


_WORKING_IN = """
    SELECT DISTINCT session_id FROM swarm_task
    WHERE agent_id = %(agent)s::uuid AND status = %(running)s::text AND lease_expires_at > %(at)s::timestamptz
"""


def working_in(agent_id: UUID, at: datetime) -> frozenset[UUID]:
    """The sessions in which an agent holds a lease."""
    asked = {"agent": agent_id, "running": str(TaskStatus.RUNNING), "at": at}
    return frozenset(row[0] for row in prepared.ask(_WORKING_IN, asked))
