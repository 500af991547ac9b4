"""Leases: claiming tasks, renewing, and what lapses."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, DateTimeField, F, Func, OuterRef, Q, Subquery, UUIDField, Value, When

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import StaleLease
from chimera.kernel.eventlog import tell
from swarm.actions import limits
from swarm.actions.limits import Admitted
from swarm.events import TaskClaimed
from swarm.models import AgentProfile, SwarmSession, Task
from swarm.states import TaskStatus

RENEW_BELOW = 0.5  # a heartbeat writes only when less than this share of the lease is left


def free_slots(agent: AgentProfile) -> int:
    """How many leases the agent may take now; exact while its row is locked."""
    return max(0, agent.max_slots - held_by(agent))


def held_by(agent: AgentProfile) -> int:
    """How many leases the agent holds."""
    held: int = Task.objects.so_far().filter(agent=agent, status=TaskStatus.RUNNING).count()
    return held


def queued_for(
    agent: AgentProfile, *, limit: int, popped: Sequence[UUID], redis_away: bool, types: Sequence[str] = ()
) -> Admitted:
    """Ids to claim: those Redis gave; tasks that require capabilities; and everything while Redis cannot tell.

    All locked, and within the concurrency limits. Rows that another claim holds are skipped, so that racing claims
    never wait for one another, except for a limit that they share.
    """
    at = clock.now()
    queued = Task.objects.so_far().filter(status=TaskStatus.QUEUED, role=agent.role).in_open_house()
    queued = queued.filter(Q(deadline_at__isnull=True) | Q(deadline_at__gt=at)).filter(
        requires__contained_by=agent.capabilities
    )
    of_types = Q(type__in=types) if types else Q()
    if redis_away:
        wanted = [of_types]
    else:  # Asked for apart, because no index finds both.
        asked = ((Q(pk__in=popped), popped), (~Q(requires=[]) & of_types, agent.capabilities))
        wanted = [which for which, why in asked if why]
    best = sorted({row for which in wanted for row in _best(queued, which, limit, popped)})
    return limits.admit(role=agent.role, candidates=[(pk, key) for _, pk, key in best], most=limit)


def _best(queued: Any, wanted: Q, limit: int, popped: Sequence[UUID]) -> list[tuple[int, UUID, str]]:
    """Locked; what is best comes first, also when sorted: (-priority, id, concurrency key)."""
    if wanted != Q(pk__in=popped):  # else the first rows of a full key would hide all others
        queued = queued.exclude(concurrency_key__in=limits.full_keys())
    rows = queued.filter(wanted).order_by("-priority", "pk")
    rows = rows.select_for_update(skip_locked=True, of=("self",), no_key=True)
    found = rows.values_list("priority", "pk", "concurrency_key")[: max(limit, len(popped))]
    return [(-priority, task_id, key) for priority, task_id, key in found]


def still_queued(task_ids: Sequence[UUID]) -> Any:
    """The guard of a claim, whatever Redis said and whoever holds which lock."""
    return Task.objects.filter(pk__in=task_ids, status=TaskStatus.QUEUED)


def lease(*, agent: AgentProfile, task_ids: Sequence[UUID], by: Actor) -> list[tuple[Task, dict[str, Any] | None]]:
    """QUEUED → RUNNING with a new lease token each, where still QUEUED; a resumed task uses up no attempt.

    Answers each task with what it resumes after, if anything.
    """
    if not task_ids:
        return []
    at = clock.now()
    session = SwarmSession.objects.filter(pk=OuterRef("session_id"))
    still_queued(task_ids).update(
        status=TaskStatus.RUNNING,
        version=F("version") + 1,
        agent=agent,
        lease_token=Func(function="gen_random_uuid", output_field=UUIDField()),
        lease_expires_at=_until(at, begun=Value(at)),
        started_at=at,
        attempt_count=Case(
            When(Q(resume__isnull=False, resume__counts=False), then=F("attempt_count")), default=F("attempt_count") + 1
        ),
        claimed_session_version=Subquery(session.values("state_version")[:1]),
        claimed_campaign_version=Subquery(session.values("campaign__state_version")[:1]),
    )
    claimed = list(
        Task.objects.filter(pk__in=task_ids, status=TaskStatus.RUNNING, agent=agent, started_at=at).order_by(
            "-priority", "pk"
        )
    )
    tell(
        *(TaskClaimed.about(task, attempt=task.attempt_count, resumed=task.resume is not None) for task in claimed),
        by=by,
    )
    return [(task, task.resume) for task in claimed]


def _until(at: datetime, *, begun: Any) -> Any:
    """A lease ends no later than the task's timeout after it began, or its deadline."""
    timeout = Func(
        F("timeout_seconds"),
        begun,
        template="(%(expressions)s)",
        function="",
        arg_joiner=" * interval '1 second' + ",
        output_field=DateTimeField(),
    )
    return Func(
        at + settings.LEASE,
        Case(When(timeout_seconds__isnull=False, then=timeout), default=None, output_field=DateTimeField()),
        F("deadline_at"),
        function="LEAST",
        output_field=DateTimeField(),
    )


def renew(*, task: Task) -> None:
    """Extend the lease when less than half of it is left; StaleLease when it was taken away meanwhile.

    Writes nothing otherwise, and tells nothing: it is no fact.
    """
    if task.pk not in renew_all([task]):
        raise StaleLease


def renew_all(tasks: Iterable[Task]) -> set[UUID]:
    """The same for several RUNNING tasks, in two statements or none.

    Answers those that still are their agents', and brings them up to date.
    """
    at = clock.now()
    found = {task.pk: task for task in tasks}
    due = {pk: t for pk, t in found.items() if _left(t, at) < settings.LEASE * RENEW_BELOW}
    if not due:
        return set(found)
    _, still = _extend(due, _until(at, begun=F("started_at")))
    return set(found) - set(due) | still


def adopt_all(tasks: Iterable[Task]) -> set[UUID]:
    """Give these leases another end, whatever is left of them: whoever saw the one before gives nothing back.

    Later, if it may be later; else a microsecond off. Answers those that have it: who is being settled at this moment is
    not waited for, and asks again.
    """
    found = {task.pk: task for task in tasks}
    if not found:
        return set()
    until = _until(clock.now(), begun=F("started_at"))
    another = Case(When(lease_expires_at=until, then=until - timedelta(microseconds=1)), default=until)
    return _extend(found, another)[0]


def _extend(due: Mapping[UUID, Task], until: Any) -> tuple[set[UUID], set[UUID]]:
    """Those that got this end, and all that are their agents' still; brings these up to date."""
    held = Task.objects.filter(
        pk__in=due, lease_token__in=[task.lease_token for task in due.values()], status=TaskStatus.RUNNING
    )
    # In the order of their ids, as others lock them; who is being settled at this moment is not waited for.
    free = list(held.order_by("pk").select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
    Task.objects.filter(pk__in=free).update(lease_expires_at=until)
    still = dict(held.values_list("pk", "lease_expires_at"))
    for pk, ends in still.items():
        due[pk].lease_expires_at = ends
    return set(free), set(still)


def _left(task: Task, at: datetime) -> timedelta:
    assert task.lease_expires_at is not None
    return task.lease_expires_at - at


def lapse_reason(task: Task) -> tuple[str, str]:
    """(code, message) for a lease that is over."""
    at = clock.now()
    if task.deadline_at and task.deadline_at <= at:
        return "deadline_exceeded", "Its deadline passed while it ran."
    if task.timeout_seconds and task.started_at and task.started_at + timedelta(seconds=task.timeout_seconds) <= at:
        return "timeout", f"It ran longer than its {task.timeout_seconds} seconds."
    return "lease_lapsed", "Its agent was not heard of until the lease ended."
