"""Stop or pause a tenant, or everything, and resume it: mark first, then take the leases away, group by group.

Locks: the stop of its scope by name; **commit**; then what `revoke_many` locks, one transaction per group.
Dies before the commit: nothing is stopped. Dies after it: nothing is accepted any more, whoever asks, for every guarded write reads
the row after its locks; the leases and their holds are taken away by the event log's follow-up, and by the clock.
Resuming is one row and its facts: whoever dies after that has resumed, and the relay puts the queues in order.
"""

from functools import partial
from uuid import UUID

from chimera.flows.grouping import in_groups, together
from chimera.flows.revoke_many import revoke_many
from chimera.kernel import tenancy
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.eventlog import Recorded
from chimera.kernel.sweep import one_by_one
from swarm import dispatch
from swarm.actions import stops, tasks
from swarm.models import Stop, Task, Tenant
from swarm.states import StopKind, StopScope, TaskStatus

AT_ONCE_MAX = 500  # leases of one round
WHY = "all work was stopped"


def stop_tenant(*, kind: StopKind, reason: str, by: Actor) -> Stop:
    """In the tenant's own transaction; its leases are swept once that has committed."""
    return stops.begin(scope=StopScope.TENANT, kind=kind, reason=reason, by=by)


def resume_tenant(*, reason: str, by: Actor) -> Stop:
    return stops.lift(scope=StopScope.TENANT, reason=reason, by=by)


def stop_everything(*, kind: StopKind, reason: str, by: Actor) -> Stop:
    """Of every tenant; opens its own transaction, across them."""
    with tenancy.system():
        return stops.begin(scope=StopScope.EVERYTHING, kind=kind, reason=reason, by=by)


def resume_everything(*, reason: str, by: Actor) -> Stop:
    """What single tenants have stopped themselves stays stopped."""
    with tenancy.system():
        return stops.lift(scope=StopScope.EVERYTHING, reason=reason, by=by)


def follow_up(stop: Stop, *, by: Actor) -> int:
    """Once a pause, a stop or its end has committed: agents hear of it without waiting for the relay, and a first round of leases
    is revoked; what it leaves follows through the event log. Answers how many were."""
    if stop.tenant_id:
        told = [stop.tenant_id]
    else:
        with tenancy.system():
            told = list(Tenant.objects.order_by("pk").values_list("pk", flat=True))
    dispatch.call_tenants_now(told)
    return revoke_stopped(tenant_id=stop.tenant_id, by=by) if stop.acts and stop.kind == StopKind.STOP else 0


def sweep_tenant(event: Recorded) -> None:
    """Reaction to TenantStopped: revoke its leases. What a claim slipped in meanwhile the clock takes away."""
    while revoke_stopped(tenant_id=event.tenant_id):
        pass


def revoke_stopped(*, tenant_id: UUID | None = None, by: Actor = SYSTEM) -> int:
    """One round of leases, of a tenant or of all, on whom a stop acts: right after it, and the clock's step. Answers how many
    are settled."""
    found = _held(tenant_id)
    revoked = {owner: _revoke(owner, task_ids, by) for owner, task_ids in found.items()}
    if done := sum(len(those) for those in revoked.values()):
        return done  # What somebody else was at is the next round's.
    # Others are at all of them, such as another sweep: wait for one of those, and then look again.
    first = [(owner, task_ids[0]) for owner, task_ids in found.items()][:1]
    return one_by_one(first, partial(_revoke_one, by=by))


def _held(tenant_id: UUID | None) -> dict[UUID, list[UUID]]:
    """Running tasks by tenant, of those on whom a stop acts."""
    with tenancy.system():
        acting = Stop.objects.acting().filter(kind=StopKind.STOP)
        owners = set(acting.values_list("tenant_id", flat=True))
        if not owners:
            return {}
        running = Task.objects.so_far().filter(status=TaskStatus.RUNNING)
        theirs = running if None in owners else running.filter(tenant_id__in=owners)
        theirs = theirs.filter(tenant_id=tenant_id) if tenant_id else theirs
        found: dict[UUID, list[UUID]] = {}
        for owner, task_id in theirs.order_by("pk").values_list("tenant_id", "pk")[:AT_ONCE_MAX]:
            found.setdefault(owner, []).append(task_id)
        return found


def _revoke(tenant_id: UUID, task_ids: list[UUID], by: Actor) -> set[UUID]:
    """Those that nobody else is at."""
    step = partial(revoke_many, reason=WHY, by=by)
    groups = [together(tenant_id, group, step) for group in in_groups(task_ids)]
    return set().union(*groups)


def _revoke_one(task_id: UUID, *, by: Actor) -> None:
    """It waits for whoever is at it."""
    tasks.lock(task_id)
    revoke_many([task_id], reason=WHY, by=by)
