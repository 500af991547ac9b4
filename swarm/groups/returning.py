"""Claims for a client that left meanwhile go back at once, rather than when their leases would have lapsed."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from chimera.flows.lapse_leases import return_lease
from chimera.kernel import redis
from chimera.kernel.bridge import in_thread
from chimera.kernel.sweep import one_by_one
from swarm.groups import Ask, Asker, Got, groups

log = structlog.get_logger()
_afterwards: set["asyncio.Task[None]"] = set()  # what outlives its call
Lease = tuple[UUID, UUID, UUID, datetime]  # tenant, task, lease token, until when


async def claimed(asker: Asker, ask: Ask) -> Got:
    """As one of a group. What was claimed for a caller who was cancelled meanwhile is given back."""
    claiming = asyncio.ensure_future(groups().claims.add(asker, ask))
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        later = asyncio.create_task(_give_back(asker.tenant_id, claiming))
        _afterwards.add(later)
        later.add_done_callback(_afterwards.discard)
        raise


async def _give_back(tenant_id: UUID, claiming: "asyncio.Future[Got]") -> None:
    try:
        got = await claiming
    except Exception as fault:
        log.info("nothing_claimed", error=repr(fault))
        return
    leases = [
        (tenant_id, UUID(str(one["task"]["id"])), UUID(one["lease_token"]), one["lease_expires_at"])
        for one in got.shown
    ]
    if not leases:
        return
    try:
        await in_thread(_return, leases)
    except Exception as fault:
        log.warning("leases_lapse_later", leases=len(leases), error=repr(fault))


def _return(leases: Sequence[Lease]) -> None:
    one_by_one(leases, return_lease)
    redis.nudge()
