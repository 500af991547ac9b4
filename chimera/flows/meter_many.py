"""Meter many: what the leases of one tenant's agents have cost, said within a few milliseconds, in one transaction.

Locks: all tasks by id, and only then what each meter locks: budgets whose windows are missing, all windows by id, each one's
transactions. What is refused is undone alone (a savepoint); after a deadlock, a lock that does not come or a fault of the
database each goes alone.
Dies before the commit: nothing is counted. Dies after it: all is, and a report that comes again counts nothing twice; whoever
was stopped and does not know it gets 409 `stale_lease`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction

from chimera.flows.meter_lease import Beaten, meter_lease
from chimera.flows.placing import places_of
from chimera.flows.read_usage import tenant_time_zone
from chimera.flows.spend_many import AT_ONCE_MAX
from chimera.kernel import tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.relay.slow_lane import is_outage
from commerce import actions as commerce
from swarm.actions import houses, tasks

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a lease has cost so far, as its agent says, and what it wants held for what comes next."""

    task_id: UUID
    lease_token: UUID
    agent_id: UUID
    cost_usd: Decimal
    ahead_usd: Decimal | None = None
    by: Actor


def meter_many(tenant_id: UUID, costs: Sequence[Cost]) -> list[Beaten | Exception]:
    """Opens its own transactions. Raises only when PostgreSQL is away; what was refused is answered in its place."""
    done: dict[int, Beaten | Exception] = {}
    for begin in range(0, len(costs), AT_ONCE_MAX):
        places = range(begin, min(begin + AT_ONCE_MAX, len(costs)))
        done |= _together(tenant_id, {place: costs[place] for place in places})
    return [done[place] if place in done else _alone(tenant_id, one) for place, one in enumerate(costs)]


def _together(tenant_id: UUID, costs: Mapping[int, Cost]) -> dict[int, Beaten | Exception]:
    """Nothing when they are to go alone."""
    try:
        with tenancy.bound(tenant_id):
            _lock(list(costs.values()))
            return {place: _tried(one) for place, one in costs.items()}
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("meters_go_alone", meters=len(costs), error=repr(fault))
        return {}


def _alone(tenant_id: UUID, one: Cost) -> Beaten | Exception:
    try:
        with tenancy.bound(tenant_id):
            return _meter(one)
    except Exception as fault:
        return fault


def _lock(costs: Sequence[Cost]) -> None:
    """All tasks by id, then all windows by id. What each locks again afterwards is ours already."""
    locked = {task.pk: task for task in tasks.lock_all({one.task_id for one in costs})}
    houses.read(list(locked.values()))
    places = places_of([(locked[one.task_id], one.agent_id) for one in costs if one.task_id in locked])
    commerce.lock_ahead(places, settling=commerce.metered_of(locked), time_zone=tenant_time_zone())


def _tried(one: Cost) -> Beaten | Exception:
    try:
        with transaction.atomic():
            return _meter(one)
    except DatabaseError:
        raise
    except Exception as refusal:
        return refusal


def _meter(one: Cost) -> Beaten:
    return meter_lease(
        task_id=one.task_id,
        lease_token=one.lease_token,
        agent_id=one.agent_id,
        cost_usd=one.cost_usd,
        ahead_usd=one.ahead_usd,
        by=one.by,
    )
